#!lua flags=allow-oom
-- KEYS are languages' bases. lease_ms room max_attempts → a row for each callback that is due and now the caller's for
-- lease_ms: id, url, attempt, finished. One that is due again after its last attempt has failed: its master was lost.
local lease_ms, room, max_attempts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
local rows = {}
for i = 1, #KEYS do
  base = KEYS[i]
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('callbacks'), '-inf', now, 'LIMIT', 0, room - #rows)) do
    local url, state, attempts, finished = get(id, 'callback', 'callback_state', 'callback_attempts', 'finished')
    if not url or state ~= 'pending' then
      redis.call('ZREM', key('callbacks'), id) -- its job has expired
    elseif tonumber(attempts) >= max_attempts then
      end_callback(id, 'failed', now, 0, 'the master that made the last attempt was lost')
    else
      redis.call('ZADD', key('callbacks'), now + lease_ms, id)
      rows[#rows + 1] = {id, url, redis.call('HINCRBY', job_key(id), 'callback_attempts', 1), finished}
    end
  end
end
return rows
