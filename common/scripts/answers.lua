#!lua flags=no-writes
-- KEYS are languages' bases; id → a row a language: executor, text…
local rows = {}
for i = 1, #KEYS do
  base = KEYS[i]
  rows[i] = redis.call('HGETALL', key('errand:' .. ARGV[1]))
end
return rows
