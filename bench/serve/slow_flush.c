/* Preloaded, it makes every flush to disk take 5 ms longer, as on a disk that is slow or far away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static void wait_5_ms(void) {
    struct timespec pause = {0, 5000000};
    nanosleep(&pause, 0);
}

int fsync(int fd) {
    wait_5_ms();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    wait_5_ms();
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
