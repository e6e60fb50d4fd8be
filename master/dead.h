/* sentinel-master dead list|retry: what an operator does about jobs that were given up on. */
#ifndef SENTINEL_DEAD_H
#define SENTINEL_DEAD_H

/* argv[0] is "dead". The exit status: 0 when all that was asked for was done. */
int dead_main(int argc, char **argv);

#endif
