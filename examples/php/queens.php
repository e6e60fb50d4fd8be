<?php
// How many ways there are to place n queens on a board so that none attacks another.
function ways(int $n, int $row = 0, int $columns = 0, int $left = 0, int $right = 0): int
{
    if ($row === $n) {
        return 1;
    }
    $count = 0;
    $free = ((1 << $n) - 1) & ~($columns | $left | $right);
    while ($free) {
        $place = $free & -$free;
        $free ^= $place;
        $count += ways($n, $row + 1, $columns | $place, ($left | $place) << 1, ($right | $place) >> 1);
    }
    return $count;
}

while (($line = fgets(STDIN)) !== false) {
    echo ways((int)$line), "\n";
}
