-- As much of Redis as the store's scripts use, over a table that can be copied: key → hash, list, zset or string. Time
-- stands still (the explorer ends leases itself), so expiries do nothing. test_explore.py holds it to the real server.
local redis = {now_ms = 1000000000}

local db -- of the script that runs
local commands = {}

function redis.clone(value)
  local same = {}
  for k, v in pairs(value) do
    same[k] = v
  end
  return same
end

-- What the key holds, for writing: its own from now on.
local function at(key)
  db[key] = db[key] and redis.clone(db[key]) or {}
  return db[key]
end

local function drop_if_empty(key)
  if db[key] and next(db[key]) == nil then
    db[key] = nil
  end
end

function commands.TIME()
  return {tostring(redis.now_ms / 1000), '0'}
end

function commands.INFO(section)
  return section == 'server' and 'uptime_in_seconds:1000000\r\n' or 'used_memory:1\r\nmaxmemory:0\r\n'
end

function commands.EXISTS(...)
  local count = 0
  for _, key in ipairs({...}) do
    count = count + (db[key] and 1 or 0)
  end
  return count
end

function commands.DEL(key)
  db[key] = nil
end

function commands.PEXPIRE() end

function commands.PTTL()
  return 1
end

function commands.PUBLISH() end

function commands.GET(key)
  return db[key] or false
end

function commands.SET(key, value)
  db[key] = value
end

function commands.INCR(key)
  db[key] = tostring((tonumber(db[key]) or 0) + 1)
end

function commands.HGET(key, field)
  return db[key] and db[key][field] or false
end

function commands.HMGET(key, ...)
  local values = {}
  for i, field in ipairs({...}) do
    values[i] = db[key] and db[key][field] or false
  end
  return values
end

function commands.HSET(key, ...)
  local words, hash = {...}, at(key)
  for i = 1, #words, 2 do
    hash[words[i]] = tostring(words[i + 1])
  end
end

function commands.HDEL(key, ...)
  for _, field in ipairs({...}) do
    if db[key] then
      at(key)[field] = nil
      drop_if_empty(key)
    end
  end
end

function commands.HINCRBY(key, field, by)
  local hash = at(key)
  hash[field] = tostring((tonumber(hash[field]) or 0) + by)
  return tonumber(hash[field])
end

function commands.LLEN(key)
  return db[key] and #db[key] or 0
end

function commands.LINDEX(key, index)
  return db[key] and db[key][index + 1] or false
end

function commands.LPUSH(key, value)
  table.insert(at(key), 1, value)
end

function commands.RPUSH(key, value)
  table.insert(at(key), value)
end

function commands.LPOP(key)
  local value = db[key] and table.remove(at(key), 1) or false
  drop_if_empty(key)
  return value
end

-- From a place on, to the end or as good as: no list gets as long here as what is asked for.
function commands.LRANGE(key, first)
  return {unpack(db[key] or {}, first + 1)}
end

function commands.LTRIM(key, first)
  if db[key] and first > 0 then
    db[key] = commands.LRANGE(key, first)
    drop_if_empty(key)
  end
end

function commands.ZADD(key, ...)
  local words = {...}
  local condition = (words[1] == 'NX' or words[1] == 'XX') and table.remove(words, 1)
  local score, member = tonumber(words[1]), words[2]
  local there = db[key] and db[key][member] and true or false
  if not condition or there == (condition == 'XX') then
    at(key)[member] = score
    return there and 0 or 1
  end
  return 0
end

function commands.ZREM(key, member)
  if db[key] then
    at(key)[member] = nil
    drop_if_empty(key)
  end
end

function commands.ZCARD(key)
  local count = 0
  for _ in pairs(db[key] or {}) do
    count = count + 1
  end
  return count
end

function commands.ZRANGEBYSCORE(key, _, most, ...)
  local members, scores, options = {}, db[key] or {}, {...}
  for member, score in pairs(scores) do
    if most == '+inf' or score <= tonumber(most) then
      members[#members + 1] = member
    end
  end
  table.sort(members, function(a, b)
    return scores[a] < scores[b] or (scores[a] == scores[b] and a < b)
  end)
  if options[1] == 'WITHSCORES' then
    local nth = members[options[3] + 1]
    return {nth, nth and tostring(scores[nth])} -- the scripts ask for one at a time
  end
  return members
end

local environment = setmetatable({redis = {
  call = function(command, ...)
    return commands[command](...)
  end,
  sha1hex = function(text)
    return text
  end,
}}, {__index = _G})

-- A function of (db, keys, arguments) from a script's text.
function redis.script(name, text)
  local chunk = assert(loadstring('--' .. text, '=' .. name)) -- the line of flags is no Lua
  setfenv(chunk, environment)
  return function(its_db, keys, arguments)
    db = its_db
    for i, argument in ipairs(arguments) do
      arguments[i] = tostring(argument)
    end
    environment.KEYS, environment.ARGV = keys, arguments
    return chunk()
  end
end

return redis
