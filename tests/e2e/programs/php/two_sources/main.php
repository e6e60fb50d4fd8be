<?php
require 'helper.php';

echo twice_plus_two((int)fgets(STDIN)), "\n";
