<?php
$data = stream_get_contents(STDIN);
$numbers = explode("\n", rtrim($data));
echo strlen($data), ' ', count($numbers), ' ', array_sum($numbers), "\n";
