#!lua flags=no-writes
-- → a row for each dead job that is still kept, the oldest first: id, owner, reason, attempts, finished.
local rows = {}
for _, id in ipairs(redis.call('LRANGE', key('dead'), 0, -1)) do
  local state, owner, reason, attempts, finished = get(id, 'state', 'owner', 'reason', 'attempts', 'finished')
  if state == 'failed' then
    rows[#rows + 1] = {id, owner or '', reason or '', attempts or '0', finished or '0'}
  end
end
return rows
