/** Our own programs that every environment sees, under /var/runtime. */
export const SANDBOX_PROGRAMS = ['node.mjs', 'python.py', 'supervisor.sh'] as const
/** What starts extensions before the runtime. */
export const SUPERVISOR = 'supervisor.sh'
