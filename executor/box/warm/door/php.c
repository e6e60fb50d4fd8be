/* PHP's end after the request's, of which all that can be seen is part (destructors, shutdown functions, buffers),
 * gives back the memory of modules, classes and settings, which a fork must copy first. main() has the exit status, and
 * calls for that end within the program, where no function of ours can stand before: so in the server's own copy of the
 * program's text the two functions return at once. Each takes nothing, gives nothing, and is called once, last but for
 * exit(). Where the kernel lets nobody write there, they run. */
#include "php.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
static const unsigned char instruction[] = {0xc3}; /* ret */
#elif defined(__aarch64__)
static const unsigned char instruction[] = {0xc0, 0x03, 0x5f, 0xd6}; /* ret */
#else
#error "how does a function return here?"
#endif

static bool make_return(void *function)
{
    char *at = function;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = at - (uintptr_t)at % page;
    size_t len = (size_t)(at - start) + sizeof instruction;
    if (mprotect(start, len, PROT_READ | PROT_WRITE) < 0)
        return false;
    memcpy(at, instruction, sizeof instruction);
    __builtin___clear_cache(at, at + sizeof instruction);
    return mprotect(start, len, PROT_READ | PROT_EXEC) == 0;
}

bool php_prepare(void)
{
    void *modules = dlsym(RTLD_DEFAULT, "php_module_shutdown"), *server = dlsym(RTLD_DEFAULT, "sapi_shutdown");
    if (modules == NULL || server == NULL)
        return false;
    return make_return(modules) && make_return(server);
}
