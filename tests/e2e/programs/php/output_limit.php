<?php
for ($n = 0; ; $n++) {
    echo "line $n\n";
}
