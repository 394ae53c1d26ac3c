/* A disk that is full or slow, for one process: loaded before libc by LD_PRELOAD.
 *
 * While the file that DISK_FULL names exists, nothing more fits into any regular file. Every sync
 * takes DISK_SYNC_MS milliseconds longer. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int full(int fd) {
    const char *flag = getenv("DISK_FULL");
    struct stat found;
    if (flag == NULL || access(flag, F_OK) != 0 || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode)) {
        return 0;
    }
    errno = ENOSPC;
    return 1;
}

static void wait_for_sync(void) {
    const char *text = getenv("DISK_SYNC_MS");
    if (text != NULL) {
        usleep((useconds_t)atoi(text) * 1000);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    return full(fd) ? -1 : REAL(write)(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return full(fd) ? -1 : REAL(writev)(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return full(fd) ? -1 : REAL(pwrite64)(fd, bytes, count, offset);
}

int ftruncate64(int fd, off64_t length) {
    struct stat found;
    int grows = fstat(fd, &found) == 0 && length > found.st_size;
    return grows && full(fd) ? -1 : REAL(ftruncate64)(fd, length);
}

int fsync(int fd) {
    wait_for_sync();
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    wait_for_sync();
    return REAL(fdatasync)(fd);
}
