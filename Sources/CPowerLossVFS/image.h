#pragma once
#include <stddef.h>
#include <stdint.h>

/* Bytes of a file, zero beyond what was written. */
typedef struct {
    unsigned char *bytes;
    size_t size, capacity;
} Image;

/* A write since the last sync; a truncation when data is NULL. */
typedef struct Change {
    struct Change *next;
    size_t offset, size;
    unsigned char *data;
} Change;

/* The one stream of random choices, seeded by powerloss_arm. */
void random_seed(uint64_t seed);
uint64_t next_random(void);

/* The memory, or an abort when there is none. */
void *checked(void *memory);

void image_resize(Image *image, size_t size);
void image_apply(Image *image, const Change *change);

/* Applies what a loss of power may leave of a change that was not synced. */
void image_apply_torn(Image *image, const Change *change);

void image_load(Image *image, const char *path);

/* 0, or why it failed. */
int image_store(const Image *image, const char *path);
