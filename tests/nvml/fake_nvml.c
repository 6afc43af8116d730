/* Answers like libnvidia-ml.so.1 for what pynvml asks of it here, as FAKE_NVML_* say (read at each call; see build.py). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK, UNINITIALIZED, INVALID_ARGUMENT, NOT_SUPPORTED, NOT_FOUND = 6, INSUFFICIENT_SIZE, LIBRARY_NOT_FOUND = 12, FUNCTION_NOT_FOUND = 13 };

static int opened, sessions;

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static int number(const char *name, const char *otherwise) { return atoi(setting(name, otherwise)); }

static int answer(const char *text, char *buffer, unsigned length) {
    if (strlen(text) >= length) return INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return OK;
}

/* Split "name:7.0" or "name:7.0:15" (15: what asking for its handle returns); 0 where there is no such GPU. */
static int gpu(unsigned index, char name[128], int *major, int *minor, int *error) {
    const char *entry = setting("FAKE_NVML_GPUS", "");
    for (; *entry && index; index--) {
        entry += strcspn(entry, ",");
        if (*entry) entry++;
    }
    *error = OK;
    return *entry && sscanf(entry, "%127[^:,]:%d.%d:%d", name, major, minor, error) >= 3;
}

int nvmlInitWithFlags(unsigned flags) {
    int error = number("FAKE_NVML_INIT_ERROR", "0");
    (void)flags;
    if (error) return error;
    opened++, sessions++;
    return OK;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
    if (!sessions) return UNINITIALIZED;
    sessions--;
    return number("FAKE_NVML_SHUTDOWN_ERROR", "0");
}

const char *nvmlErrorString(int error) { return error == OK ? "Success" : "Made Up"; }

int nvmlSystemGetDriverVersion(char *version, unsigned length) {
    return sessions ? answer(setting("FAKE_NVML_DRIVER", "535.104.05"), version, length) : UNINITIALIZED;
}

int nvmlSystemGetCudaDriverVersion(int *version) {
    *version = number("FAKE_NVML_CUDA", "12020");
    return sessions ? OK : UNINITIALIZED;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    if (number("FAKE_NVML_NO_V2", "0")) return FUNCTION_NOT_FOUND;
    if (number("FAKE_NVML_NO_LIBCUDA", "0")) return LIBRARY_NOT_FOUND;
    return nvmlSystemGetCudaDriverVersion(version);
}

int nvmlDeviceGetCount_v2(unsigned *count) {
    char name[128];
    int major, minor, error;
    for (*count = 0; gpu(*count, name, &major, &minor, &error);) ++*count;
    return sessions ? OK : UNINITIALIZED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    char name[128];
    int major, minor, error;
    if (!sessions) return UNINITIALIZED;
    if (!gpu(index, name, &major, &minor, &error)) return INVALID_ARGUMENT;
    *device = (void *)(uintptr_t)(index + 1);
    return error;
}

int nvmlDeviceGetName(void *device, char *buffer, unsigned length) {
    char name[128];
    int major, minor, error;
    if (!gpu((unsigned)(uintptr_t)device - 1, name, &major, &minor, &error)) return INVALID_ARGUMENT;
    return answer(name, buffer, length);
}

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    char name[128];
    int error;
    return gpu((unsigned)(uintptr_t)device - 1, name, major, minor, &error) ? OK : INVALID_ARGUMENT;
}

int nvmlDeviceGetUUID(void *device, char *buffer, unsigned length) {
    char text[64];
    snprintf(text, sizeof text, "GPU-%08x-made-up", (unsigned)(uintptr_t)device - 1);
    return answer(text, buffer, length);
}

/* FAKE_NVML_MIG: "0:2,1:0" puts GPU 0 in MIG mode with two instances and GPU 1 with none; -1 where the mode is off. */
static int instances(unsigned index) {
    const char *entry = setting("FAKE_NVML_MIG", "");
    for (; *entry; entry += *entry == ',') {
        unsigned place;
        int count;
        if (sscanf(entry, "%u:%d", &place, &count) == 2 && place == index) return count;
        entry += strcspn(entry, ",");
    }
    return -1;
}

int nvmlDeviceGetMigMode(void *device, unsigned *current, unsigned *pending) {
    if (!*setting("FAKE_NVML_MIG", "")) return NOT_SUPPORTED;
    *current = *pending = instances((unsigned)(uintptr_t)device - 1) >= 0;
    return OK;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *count) {
    (void)device;
    *count = 7;
    return OK;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned index, void **instance) {
    *instance = (void *)(uintptr_t)(1000 + index);
    return (int)index < instances((unsigned)(uintptr_t)device - 1) ? OK : NOT_FOUND;
}

/* Not NVML: how often it was started, and how many of these starts were not shut down. */
int fake_nvml_opened(void) { return opened; }
int fake_nvml_sessions(void) { return sessions; }
