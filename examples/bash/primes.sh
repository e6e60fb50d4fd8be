# The primes up to a bound, by trial division.
read -r bound
primes=()
for ((n = 2; n <= bound; n++)); do
    for p in "${primes[@]}"; do
        ((p * p > n)) && break
        ((n % p == 0)) && continue 2
    done
    primes+=("$n")
done
echo "${primes[@]}"
