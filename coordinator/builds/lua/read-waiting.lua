-- What waits, by set and by the digest it waits for. A set nearly always waits for one digest; of the first four builds each other
-- one is told apart, what comes after counts for the digest of the fourth.
-- a: only (a set as <lane>:<builder>), absent for all
-- answers: sets = list of set, count, first, parts = list of digest, count, first, firstScore, avoidAgent (of its first)
local names = a.only and { a.only } or redis.call('SMEMBERS', P .. 'waiting-sets')
local sets = {}
for _, name in ipairs(names) do
  local key = P .. 'waiting:' .. name
  local found = redis.call('ZRANGE', key, 0, 3, 'WITHSCORES')
  if #found > 0 then
    local count = redis.call('ZCARD', key)
    local parts, by_digest, last = {}, {}, nil
    for i = 1, #found, 2 do
      local build = redis.call('HMGET', build_key(found[i]), 'digest', 'avoidAgent', 'avoidUntil')
      if build[1] then
        last = by_digest[build[1]]
        if not last then
          last = { digest = build[1], count = 0, first = found[i], firstScore = found[i + 1] }
          if build[2] and now() < tonumber(build[3]) then last.avoidAgent = build[2] end
          by_digest[build[1]] = last
          table.insert(parts, last)
        end
        last.count = last.count + 1
      end
    end
    if last then
      last.count = last.count + math.max(0, count - #found / 2)
      table.insert(sets, { set = name, count = count, first = found[1], parts = parts })
    end
  end
end
if #sets == 0 then return '{"sets":[]}' end
return answer({ sets = sets })
