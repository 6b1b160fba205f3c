-- Count a run's traces that are sampled and not yet scored.
-- KEYS: [1] in flight
-- ARGV: [1] prefix of group keys, [2] prefix of sampled groups, [3] group size
local waiting = 0
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local record = ARGV[1] .. id
  if redis.call('HGET', record, 'state') == 'open' and redis.call('EXISTS', ARGV[2] .. id) == 1 then
    waiting = waiting + tonumber(ARGV[3]) - redis.call('HLEN', record .. ':members')
  end
end
return waiting
