#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

static uint64_t random_state;

void random_seed(uint64_t seed) { random_state = seed; }

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void *checked(void *memory) {
    if (!memory) abort();
    return memory;
}

void image_resize(Image *image, size_t size) {
    if (size > image->capacity) {
        image->capacity = size * 2;
        image->bytes = checked(realloc(image->bytes, image->capacity));
    }
    if (size > image->size) memset(image->bytes + image->size, 0, size - image->size);
    image->size = size;
}

static void image_write(Image *image, size_t offset, const unsigned char *data, size_t size) {
    if (size == 0) return;
    if (offset + size > image->size) image_resize(image, offset + size);
    memcpy(image->bytes + offset, data, size);
}

void image_apply(Image *image, const Change *change) {
    if (change->data) image_write(image, change->offset, change->data, change->size);
    else image_resize(image, change->offset);
}

/* Each sector of the change is there, missing, or torn after some of its bytes. A sector's other bytes stay
   what they were: SQLite counts on that (SQLITE_IOCAP_POWERSAFE_OVERWRITE). */
void image_apply_torn(Image *image, const Change *change) {
    if (!change->data) {
        if (next_random() & 1) image_apply(image, change);
        return;
    }
    size_t end = change->offset + change->size;
    for (size_t start = change->offset; start < end;) {
        size_t stop = (start / SECTOR + 1) * SECTOR;
        if (stop > end) stop = end;
        uint64_t choice = next_random() % 8;
        size_t kept = choice < 4 ? stop - start : choice < 7 ? 0 : next_random() % (stop - start);
        image_write(image, start, change->data + (start - change->offset), kept);
        start = stop;
    }
}

void image_load(Image *image, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0) return;
    if (fstat(fd, &status) == 0) {
        image_resize(image, (size_t)status.st_size);
        if (pread(fd, image->bytes, image->size, 0) != (ssize_t)image->size) abort();
    }
    close(fd);
}

int image_store(const Image *image, const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return errno;
    int failed = pwrite(fd, image->bytes, image->size, 0) != (ssize_t)image->size;
    int reason = errno;
    close(fd);
    return failed ? (reason ? reason : EIO) : 0;
}
