#!lua flags=allow-oom
-- id token counts max_attempts reason → 'queued', 'failed' (its attempts are used up), 'cancelled' or 'lost'.
local id, token, counts, max_attempts = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local reason = ARGV[5] ~= '' and ARGV[5] or counts and 'the executor could not run it' or 'its executor was stopped'
local now = now_ms()
if lease_state(id, token) == 'lost' then
  return 'lost'
end
note(id, now, 'returned', reason)
if not counts then
  redis.call('HINCRBY', job_key(id), 'attempts', -1)
end
return give_back(id, now, max_attempts, reason)
