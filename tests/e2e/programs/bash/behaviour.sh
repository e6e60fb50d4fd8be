# What Bash does under limits: the first letter of the input says what, a number after it how much.
deep() {
    if (($1 > 0)); then
        deep $(($1 - 1))
        depth=$((depth + 1))
    fi
}

touch_memory() {
    local count=$(($1 * 16)) text
    printf -v text '%*s' 65536 x
    while ((count-- > 0)); do
        held+=("$text")
    done
}

processes() {
    local i sum=0 pids=()
    for ((i = 0; i < $1; i++)); do
        (exit "$i") &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
        sum=$((sum + $?))
    done
    echo $sum
}

sum() {
    local total=0 n
    for n in $1; do
        total=$((total + n))
    done
    echo $total
}

read -r -n 1 letter
case $letter in
l)
    total=0
    while read -r line; do
        total=$((total + $(sum "$line")))
    done
    echo $total
    ;;
a) sum "$(cat)" ;;
s) mapfile -t lines && sum "${lines[*]}" ;;
b)
    text=
    while IFS= read -r -d '' -n 1 byte; do
        text+=$byte
    done
    sum "$text"
    ;;
d) printf '%.2f %s\n' 0.6666 "$(awk 'BEGIN { printf "%.17g", 0.1 + 0.2 }')" ;;
p)
    text=žluť
    date -d @0 "+%F %H:%M %Z ${#text}"
    ;;
r)
    read -r n
    depth=0
    deep "$n"
    echo $depth
    ;;
t)
    read -r n
    held=()
    touch_memory "$n"
    echo $((${#held[@]} / 16))
    ;;
f)
    read -r n
    for round in 1 2 3; do
        held=()
        touch_memory "$n"
    done
    echo "$n"
    ;;
w)
    read -r n
    processes "$n"
    ;;
esac
