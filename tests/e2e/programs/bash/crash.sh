echo before
kill -SEGV $$
