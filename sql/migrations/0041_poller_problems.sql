-- What keeps a poller from working, in words for an operator: shown by `gridwise status`.

alter table agent.pollers add column if not exists problems jsonb not null default '[]';

create or replace function public.report_poller_problems(p_owner text, p_items jsonb)
returns void
language sql
set search_path = ''
as $$
    update agent.pollers as p set problems = p_items where p.owner = p_owner and p.problems <> p_items
$$;

-- As in 0028_pollers, with the problems.
create or replace function public.list_pollers()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'owner', p.owner, 'version', p.version, 'lease_seconds', p.lease_seconds, 'concurrency', p.concurrency,
        'started_at', p.started_at, 'seconds_since_seen', extract(epoch from clock_timestamp() - p.seen_at),
        'problems', p.problems
    ) order by p.started_at), '[]')
    from agent.pollers as p
    where p.seen_at > clock_timestamp() - make_interval(secs => 2 * p.lease_seconds)
$$;

select agent.only_service_role(array['public.report_poller_problems(text, jsonb)', 'public.list_pollers()']);

insert into agent.migrations (name) values ('0041_poller_problems') on conflict (name) do nothing;
