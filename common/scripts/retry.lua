#!lua flags=allow-oom
-- id → 'queued', or 'none': it is not on the dead list, or its hash has expired. As if it were new: no attempts, the end
-- of its list. What is left of its failure is the counters.
local id = ARGV[1]
if redis.call('LREM', key('dead'), 1, id) == 0 or get(id, 'state') ~= 'failed' then
  return 'none'
end
redis.call('HSET', job_key(id), 'attempts', 0, 'done', 0)
redis.call('HDEL', job_key(id), 'reason', 'result', 'verdict', 'finished', 'started', 'executor')
redis.call('DEL', job_key(id) .. ':events')
queue(id, now_ms())
count('retried')
announce(id)
return 'queued'
