-- The clock of Redis went back: what is to end or begin further ahead than anything ever is, is taken to be as far ahead as it may be.
-- a: leaseMs, delayMs (the longest there are). answers: mended (how many)
local mended = 0
local function cap(key, longest_ms)
  local latest = now() + longest_ms
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. integer(latest), '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', key, integer(latest), member)
    mended = mended + 1
  end
end
cap(P .. 'leases', a.leaseMs)
cap(P .. 'delayed', a.delayMs)
-- What is due since some moment is due since now at the latest.
for _, name in ipairs({ 'unpublished', 'unpurged', 'publishing' }) do cap(P .. name, 0) end
return answer({ mended = mended })
