for ((n = 0; ; n++)); do
    echo line $n
done
