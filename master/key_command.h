/* `sentinel-master key add|list|revoke`: edits the file of API keys. */
#ifndef SENTINEL_KEY_COMMAND_H
#define SENTINEL_KEY_COMMAND_H

/* argv[0] is "key". Returns the exit status. */
int key_main(int argc, char **argv);

#endif
