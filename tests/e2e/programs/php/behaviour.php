<?php
// What PHP does under limits: the first letter of the input says what, a number after it how much.
function deep(int $n): int
{
    return $n == 0 ? 0 : 1 + deep($n - 1);
}

function touch_memory(int $megabytes): int
{
    $held = [];
    for ($i = 0; $i < $megabytes; $i++) {
        $held[] = str_repeat('x', 1 << 20);
    }
    return count($held);
}

function release(int $megabytes): int
{
    for ($round = 0; $round < 3; $round++) {
        touch_memory($megabytes);
    }
    return $megabytes;
}

/** PHP has no threads here: processes. */
function processes(int $count): int
{
    for ($i = 0; $i < $count; $i++) {
        if (pcntl_fork() == 0) {
            exit($i);
        }
    }
    $sum = 0;
    while (pcntl_wait($status) > 0) {
        $sum += pcntl_wexitstatus($status);
    }
    return $sum;
}

function sum(string $text): int
{
    return array_sum(preg_split('/\s+/', $text, -1, PREG_SPLIT_NO_EMPTY));
}

function by_line(): int
{
    $total = 0;
    while (($line = fgets(STDIN)) !== false) {
        $total += sum($line);
    }
    return $total;
}

function by_scan(): int
{
    $total = 0;
    while (($numbers = fscanf(STDIN, '%d %d')) !== false) {
        $total += array_sum($numbers);
    }
    return $total;
}

function by_byte(): int
{
    $text = '';
    while (($byte = fgetc(STDIN)) !== false) {
        $text .= $byte;
    }
    return sum($text);
}

echo match (fgetc(STDIN)) {
    'l' => by_line(),
    'a' => sum(stream_get_contents(STDIN)),
    's' => by_scan(),
    'b' => by_byte(),
    'd' => (0.1 + 0.2) . ' ' . number_format(2 / 3, 2) . ' ' . 1e21,
    'p' => date('Y-m-d H:i T', 0) . ' ' . iconv_strlen('žluť') . ' ' . ini_get('default_charset'),
    'r' => deep((int)fgets(STDIN)),
    't' => touch_memory((int)fgets(STDIN)),
    'f' => release((int)fgets(STDIN)),
    'w' => processes((int)fgets(STDIN)),
}, "\n";
