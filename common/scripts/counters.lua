#!lua flags=no-writes
-- KEYS are languages' bases → a row a language: waiting, running, dead, then its counters (name, value)….
local rows = {}
for i = 1, #KEYS do
  base = KEYS[i]
  local row = {waiting(), redis.call('ZCARD', key('lease')), redis.call('LLEN', key('dead'))}
  for _, word in ipairs(redis.call('HGETALL', key('stats'))) do
    row[#row + 1] = word
  end
  rows[i] = row
end
return rows
