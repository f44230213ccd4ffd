#include "image.h"
#include "powerloss.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Record {
    struct Record *next;
    char *path;
    Image durable;
    Change *first, **last;
    int deleted;         /* whether or not the directory was synced since */
    int deleted_durably; /* it was */
} Record;

typedef struct {
    sqlite3_file base;
    Record *record; /* NULL for files that are not kept */
    int syncs_directory;
    sqlite3_file *real;
} File;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static Record *records;
static uint64_t operations, loss_at;
static int is_lost, sync_fails;

/* --- Records --- */

static void record_forget_changes(Record *record) {
    while (record->first) {
        Change *change = record->first;
        record->first = change->next;
        free(change->data);
        free(change);
    }
    record->last = &record->first;
}

static void record_synced(Record *record) {
    for (Change *change = record->first; change; change = change->next) image_apply(&record->durable, change);
    record_forget_changes(record);
}

static void record_change(Record *record, size_t offset, const void *data, size_t size) {
    Change *change = checked(calloc(1, sizeof *change));
    change->offset = offset;
    change->size = size;
    if (data) {
        change->data = checked(malloc(size + 1));
        memcpy(change->data, data, size);
    }
    *record->last = change;
    record->last = &change->next;
}

static Record *record_find(const char *path) {
    for (Record *record = records; record; record = record->next)
        if (strcmp(record->path, path) == 0) return record;
    return NULL;
}

/* Called before the file is opened: what it holds now counts as durable. */
static Record *record_make(const char *path) {
    Record *record = record_find(path);
    if (record) return record;
    record = checked(calloc(1, sizeof *record));
    record->path = checked(strdup(path));
    record->last = &record->first;
    image_load(&record->durable, path);
    record->next = records;
    records = record;
    return record;
}

static void record_delete_durably(Record *record) {
    record->deleted_durably = 1;
    record_forget_changes(record);
    image_resize(&record->durable, 0);
}

/* All files are taken to be in one directory. */
static void records_directory_synced(void) {
    for (Record *record = records; record; record = record->next)
        if (record->deleted) record_delete_durably(record);
}

static void records_forget(void) {
    while (records) {
        Record *record = records;
        records = record->next;
        record_forget_changes(record);
        free(record->durable.bytes);
        free(record->path);
        free(record);
    }
}

/* --- Power --- */

/* Counts an operation; 0 when power is gone, with this operation or before it. */
static int operate(void) {
    if (is_lost) return 0;
    operations += 1;
    is_lost = operations == loss_at;
    return !is_lost;
}

static int read_is_lost(void) {
    pthread_mutex_lock(&mutex);
    int lost = is_lost;
    pthread_mutex_unlock(&mutex);
    return lost;
}

/* --- Files --- */

static sqlite3_file *real(sqlite3_file *file) { return ((File *)file)->real; }
static Record *record_of(sqlite3_file *file) { return ((File *)file)->record; }

static int file_close(sqlite3_file *file) { return real(file)->pMethods->xClose(real(file)); }

static int file_read(sqlite3_file *file, void *buffer, int size, sqlite3_int64 offset) {
    if (read_is_lost()) return SQLITE_IOERR_READ;
    return real(file)->pMethods->xRead(real(file), buffer, size, offset);
}

/* The write during which power goes may have got through in part: it is kept as well, though not done. */
static int file_write(sqlite3_file *file, const void *buffer, int size, sqlite3_int64 offset) {
    Record *record = record_of(file);
    if (!record) return real(file)->pMethods->xWrite(real(file), buffer, size, offset);
    pthread_mutex_lock(&mutex);
    int was_lost = is_lost;
    int has_power = operate();
    int code = has_power ? real(file)->pMethods->xWrite(real(file), buffer, size, offset) : SQLITE_IOERR_WRITE;
    if (!was_lost && (code == SQLITE_OK || !has_power)) record_change(record, (size_t)offset, buffer, (size_t)size);
    pthread_mutex_unlock(&mutex);
    return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    Record *record = record_of(file);
    if (!record) return real(file)->pMethods->xTruncate(real(file), size);
    pthread_mutex_lock(&mutex);
    int was_lost = is_lost;
    int has_power = operate();
    int code = has_power ? real(file)->pMethods->xTruncate(real(file), size) : SQLITE_IOERR_WRITE;
    if (!was_lost && (code == SQLITE_OK || !has_power)) record_change(record, (size_t)size, NULL, 0);
    pthread_mutex_unlock(&mutex);
    return code;
}

/* Power that goes during a sync leaves it undone. The unix VFS follows the first sync of a new journal or log
   with one of the directory, which makes earlier deletions last. */
static int file_sync(sqlite3_file *file, int flags) {
    Record *record = record_of(file);
    if (!record) return real(file)->pMethods->xSync(real(file), flags);
    pthread_mutex_lock(&mutex);
    int code = SQLITE_IOERR_WRITE;
    if (operate()) code = sync_fails ? SQLITE_IOERR_FSYNC : real(file)->pMethods->xSync(real(file), flags);
    if (code == SQLITE_OK) {
        record_synced(record);
        if (((File *)file)->syncs_directory) records_directory_synced();
        ((File *)file)->syncs_directory = 0;
    }
    pthread_mutex_unlock(&mutex);
    return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    if (read_is_lost()) return SQLITE_IOERR_FSTAT;
    return real(file)->pMethods->xFileSize(real(file), size);
}

static int file_lock(sqlite3_file *file, int level) { return real(file)->pMethods->xLock(real(file), level); }
static int file_unlock(sqlite3_file *file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }

static int file_check_reserved_lock(sqlite3_file *file, int *answer) {
    return real(file)->pMethods->xCheckReservedLock(real(file), answer);
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int file_sector_size(sqlite3_file *file) { return real(file)->pMethods->xSectorSize(real(file)); }

static int file_characteristics(sqlite3_file *file) {
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory) {
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file) { real(file)->pMethods->xShmBarrier(real(file)); }

static int file_shm_unmap(sqlite3_file *file, int delete) {
    return real(file)->pMethods->xShmUnmap(real(file), delete);
}

/* Version 2: shared memory, but no xFetch, which would write past this. */
static const sqlite3_io_methods methods = {
    2,           file_close,     file_read,        file_write,    file_truncate,
    file_sync,   file_size,      file_lock,        file_unlock,   file_check_reserved_lock,
    file_control, file_sector_size, file_characteristics, file_shm_map,  file_shm_lock,
    file_shm_barrier, file_shm_unmap, NULL, NULL,
};

/* --- The VFS --- */

static int vfs_open(sqlite3_vfs *self, const char *path, sqlite3_file *file, int flags, int *flags_out) {
    (void)self;
    File *opened = (File *)file;
    int is_kept = path && flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL);
    memset(opened, 0, sizeof *opened);
    opened->real = (sqlite3_file *)(opened + 1);
    pthread_mutex_lock(&mutex);
    int code = SQLITE_IOERR;
    if (!is_lost) {
        opened->record = is_kept ? record_make(path) : NULL;
        opened->syncs_directory = is_kept && flags & SQLITE_OPEN_CREATE && !(flags & SQLITE_OPEN_MAIN_DB);
        code = real_vfs->xOpen(real_vfs, path, opened->real, flags, flags_out);
        if (code == SQLITE_OK && opened->record) opened->record->deleted = opened->record->deleted_durably = 0;
    }
    pthread_mutex_unlock(&mutex);
    if (code == SQLITE_OK) file->pMethods = &methods;
    return code;
}

/* A deletion that the directory's sync does not cover may be undone by power loss. */
static int vfs_delete(sqlite3_vfs *self, const char *path, int sync_directory) {
    (void)self;
    pthread_mutex_lock(&mutex);
    int code = operate() ? real_vfs->xDelete(real_vfs, path, sync_directory) : SQLITE_IOERR_DELETE;
    Record *record = record_find(path);
    if (code == SQLITE_OK && record) {
        record->deleted = 1;
        if (sync_directory) records_directory_synced();
        else record_change(record, 0, NULL, 0); /* a new file of this name begins empty */
    }
    pthread_mutex_unlock(&mutex);
    return code;
}

static int vfs_access(sqlite3_vfs *self, const char *path, int flags, int *answer) {
    (void)self;
    if (read_is_lost()) return SQLITE_IOERR_ACCESS;
    return real_vfs->xAccess(real_vfs, path, flags, answer);
}

int powerloss_register(void) {
    pthread_mutex_lock(&mutex);
    int code = SQLITE_OK;
    if (!real_vfs) {
        real_vfs = sqlite3_vfs_find(NULL);
        if (!real_vfs) abort();
        vfs = *real_vfs;
        vfs.pNext = NULL;
        vfs.zName = POWERLOSS_VFS_NAME;
        vfs.szOsFile = (int)sizeof(File) + real_vfs->szOsFile;
        vfs.xOpen = vfs_open;
        vfs.xDelete = vfs_delete;
        vfs.xAccess = vfs_access;
        code = sqlite3_vfs_register(&vfs, 0);
    }
    pthread_mutex_unlock(&mutex);
    return code;
}

void powerloss_arm(uint64_t operations_until_loss, uint64_t seed) {
    pthread_mutex_lock(&mutex);
    records_forget();
    operations = 0;
    loss_at = operations_until_loss;
    random_seed(seed);
    is_lost = sync_fails = 0;
    pthread_mutex_unlock(&mutex);
}

uint64_t powerloss_operations(void) {
    pthread_mutex_lock(&mutex);
    uint64_t count = operations;
    pthread_mutex_unlock(&mutex);
    return count;
}

int powerloss_is_lost(void) { return read_is_lost(); }

void powerloss_fail_sync(void) {
    pthread_mutex_lock(&mutex);
    sync_fails = 1;
    pthread_mutex_unlock(&mutex);
}

static int record_revert(Record *record) {
    int is_gone = record->deleted_durably || (record->deleted && next_random() & 1);
    if (is_gone) return unlink(record->path) == 0 || errno == ENOENT ? 0 : errno;
    for (Change *change = record->first; change; change = change->next) image_apply_torn(&record->durable, change);
    return image_store(&record->durable, record->path);
}

int powerloss_revert(void) {
    pthread_mutex_lock(&mutex);
    int reason = 0;
    for (Record *record = records; record && !reason; record = record->next) reason = record_revert(record);
    records_forget();
    pthread_mutex_unlock(&mutex);
    return reason;
}
