<?php
echo "before\n";
fwrite(STDERR, "giving up\n");
exit(42);
