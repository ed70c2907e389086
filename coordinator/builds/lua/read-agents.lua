-- Who was heard of lately, and what each of them holds by the farm's own count; who was not is forgotten. What they told in their
-- pulls is not in it: it is large, and mostly what the asker knows already by session and sequence.
-- a: keepMs
-- answers: agents = list of agentId, session, sequence, isSuspect, isDrained, running = list of key (of the attempt), builder
redis.call('ZREMRANGEBYSCORE', P .. 'agents', '-inf', now() - a.keepMs)
local running = {}
for _, key in ipairs(redis.call('ZRANGE', P .. 'leases', 0, -1)) do
  local attempt = redis.call('HMGET', P .. 'attempt:' .. key, 'agentId', 'builder')
  if attempt[1] then
    running[attempt[1]] = running[attempt[1]] or {}
    table.insert(running[attempt[1]], { key = key, builder = attempt[2] or '' })
  end
end
local agents = {}
for _, id in ipairs(redis.call('ZRANGE', P .. 'agents', 0, -1)) do
  local agent = redis.call('HMGET', P .. 'agent:' .. id, 'session', 'sequence', 'isSuspect', 'isDrained')
  if agent[1] then
    table.insert(agents, {
      agentId = id, session = agent[1], sequence = tonumber(agent[2]), isSuspect = agent[3] == '1', isDrained = agent[4] == '1',
      running = running[id],
    })
  end
end
if #agents == 0 then return '{"agents":[]}' end
return answer({ agents = agents })
