<?php
echo 'Grüße → ', rtrim((string)fgets(STDIN), "\n"), " ✓\n";
