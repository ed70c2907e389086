type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The environment for a farm's processes: without wrtfarm's own variables, as each process is told its settings and refuses
 * others, and with this machine reached directly where a proxy is set.
 */
export function childEnvironment(env: Environment): Environment {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('WRTFARM_'));
  const direct = [env.no_proxy || env.NO_PROXY, '127.0.0.1', 'localhost'].filter((hosts) => hosts);
  return { ...Object.fromEntries(kept), no_proxy: direct.join(','), NO_PROXY: direct.join(',') };
}
