<?php
// Turns "name,amount" lines into an aligned table with a sum.
$rows = array_map('str_getcsv', explode("\n", trim(stream_get_contents(STDIN))));
foreach ($rows as [$name, $amount]) {
    printf("%-8s %8.2f\n", $name, $amount);
}
printf("%-8s %8.2f\n", 'sum', array_sum(array_column($rows, 1)));
