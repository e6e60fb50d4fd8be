#!lua flags=no-cluster
-- state accepted ms memory_kb users_most keep_ms subject… → 'ok'. Adds an execution to each subject in this hour's bucket:
-- "all", an owner, an owner's user. A bucket of users_most subjects takes no new ones, so a flood of user ids costs
-- memory once. A subject's figures are ten numbers in one text: executions, accepted, completed, failed, cancelled, sum of
-- ms, sum and peak of KB, and how many took up to 100 ms and up to 1 s.
local state, accepted, ms, memory = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local most = tonumber(ARGV[5])
local bucket = key('hour:' .. math.floor(now_ms() / 3600000))

local function add(subject)
  local figures = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  local known = redis.call('HGET', bucket, subject)
  if not known and subject ~= 'all' and redis.call('HLEN', bucket) > most then
    return
  end
  local i = 0
  for number in (known or ''):gmatch('%S+') do
    i = i + 1
    figures[i] = tonumber(number)
  end
  local more = {1, accepted, state == 'completed' and 1 or 0, state == 'failed' and 1 or 0,
    state == 'cancelled' and 1 or 0, ms, memory, 0, ms <= 100 and 1 or 0, ms <= 1000 and 1 or 0}
  for j = 1, #more do
    figures[j] = string.format('%.0f', figures[j] + more[j])
  end
  figures[8] = string.format('%.0f', math.max(tonumber(figures[8]), memory))
  redis.call('HSET', bucket, subject, table.concat(figures, ' '))
end

for i = 7, #ARGV do
  add(ARGV[i])
end
redis.call('PEXPIRE', bucket, ARGV[6])
return 'ok'
