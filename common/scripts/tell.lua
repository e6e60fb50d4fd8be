#!lua flags=allow-oom
-- KEYS are languages' bases; word id → a number a language: executors that heard it ("@word:language:id").
local heard = {}
for i = 1, #KEYS do
  base = KEYS[i]
  heard[i] = redis.call('PUBLISH', key('control'), table.concat({'@' .. ARGV[1], base:match('{(.*)}'), ARGV[2]}, ':'))
end
return heard
