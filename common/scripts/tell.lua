#!lua flags=allow-oom
-- KEYS are languages' bases; word → a number a language: executors that heard it ("@word:language").
local heard = {}
for i = 1, #KEYS do
  base = KEYS[i]
  heard[i] = redis.call('PUBLISH', key('control'), '@' .. ARGV[1] .. ':' .. base:match('{(.*)}'))
end
return heard
