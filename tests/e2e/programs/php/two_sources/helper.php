<?php
function twice_plus_two(int $n): int
{
    return 2 * $n + 2;
}
