#!lua flags=allow-oom
-- id attempt outcome status error retry_ms → 'kept', or 'lost': another attempt has begun, or it has ended. outcome:
-- 'delivered', 'failed', or 'pending', to be tried again in retry_ms.
local id, attempt, outcome, status, error, retry_ms = unpack(ARGV)
local now = now_ms()
local state, attempts = get(id, 'callback_state', 'callback_attempts')
if state ~= 'pending' or attempts ~= attempt then
  return 'lost'
end
if outcome == 'pending' then
  redis.call('HSET', job_key(id), 'callback_status', status, 'callback_error', error, 'callback_at', now)
  redis.call('ZADD', key('callbacks'), now + tonumber(retry_ms), id)
else
  end_callback(id, outcome, now, status, error)
end
return 'kept'
