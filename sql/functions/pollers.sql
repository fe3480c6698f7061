-- Which pollers there are: each reports itself with its heartbeat, and leaves when it stops.

create or replace function public.report_poller(
    p_owner text, p_version text, p_lease_seconds double precision, p_concurrency integer
)
returns void language sql set search_path = ''
as $$
    insert into agent.pollers as p (owner, version, lease_seconds, concurrency)
    values (p_owner, p_version, p_lease_seconds, p_concurrency)
    on conflict (owner) do update set seen_at = clock_timestamp()
$$;

-- Also forgets those that died long ago.
create or replace function public.leave_poller(p_owner text)
returns void language sql set search_path = ''
as $$
    delete from agent.pollers as p where p.owner = p_owner or p.seen_at < now() - interval '1 day'
$$;

create or replace function public.report_poller_problems(p_owner text, p_items jsonb)
returns void language sql set search_path = ''
as $$
    update agent.pollers as p set problems = p_items where p.owner = p_owner and p.problems <> p_items
$$;

-- As in 0028_pollers, with the problems.
create or replace function public.list_pollers()
returns jsonb language sql stable set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'owner', p.owner, 'version', p.version, 'lease_seconds', p.lease_seconds, 'concurrency', p.concurrency,
        'started_at', p.started_at, 'seconds_since_seen', extract(epoch from clock_timestamp() - p.seen_at),
        'problems', p.problems
    ) order by p.started_at), '[]')
    from agent.pollers as p
    where p.seen_at > clock_timestamp() - make_interval(secs => 2 * p.lease_seconds)
$$;
