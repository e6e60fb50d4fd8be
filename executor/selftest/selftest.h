/* `sentinel-executor selftest`: the abuse catalogue on the installed box, in the tier that this machine gives. */
#ifndef SENTINEL_SELFTEST_H
#define SENTINEL_SELFTEST_H

/* argv[0] is "selftest". The exit status: 0 when all that this tier can express held, 1 when something did not, or
 * nothing could be tried. Options that are not its own are the executor's settings. */
int selftest_main(int argc, char **argv);

#endif
