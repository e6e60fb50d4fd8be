/* Cuts a warm PHP program's end short, where it cannot be seen any more. */
#ifndef SENTINEL_BOX_PHP_H
#define SENTINEL_BOX_PHP_H

#include <stdbool.h>

/* In the server, before its first fork. False: it is no PHP, or its end stays as it is. */
bool php_prepare(void);

#endif
