<?php
echo (int)fgets(STDIN) * 2), "\n";
