-- Which pollers there are: each reports itself with its heartbeat, and leaves when it stops.

create table if not exists agent.pollers (
    owner text primary key,  -- host:process:random, as in the leases
    version text not null,
    lease_seconds double precision not null,
    concurrency integer not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
);
alter table agent.pollers enable row level security;

create or replace function public.report_poller(
    p_owner text, p_version text, p_lease_seconds double precision, p_concurrency integer
)
returns void
language sql
set search_path = ''
as $$
    insert into agent.pollers as p (owner, version, lease_seconds, concurrency)
    values (p_owner, p_version, p_lease_seconds, p_concurrency)
    on conflict (owner) do update set seen_at = clock_timestamp()
$$;

-- Also forgets those that died long ago.
create or replace function public.leave_poller(p_owner text)
returns void
language sql
set search_path = ''
as $$
    delete from agent.pollers as p where p.owner = p_owner or p.seen_at < now() - interval '1 day'
$$;

-- Those that were seen within two leases, oldest first; `seconds_since_seen` tells a dead one from one that lives.
create or replace function public.list_pollers()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'owner', p.owner, 'version', p.version, 'lease_seconds', p.lease_seconds, 'concurrency', p.concurrency,
        'started_at', p.started_at, 'seconds_since_seen', extract(epoch from clock_timestamp() - p.seen_at)
    ) order by p.started_at), '[]')
    from agent.pollers as p
    where p.seen_at > clock_timestamp() - make_interval(secs => 2 * p.lease_seconds)
$$;

do $$
declare
    outsider text;
begin
    revoke all on agent.pollers from public;
    for outsider in select rolname from pg_catalog.pg_roles where rolname in ('anon', 'authenticated') loop
        execute format('revoke all on agent.pollers from %I', outsider);
    end loop;
    if exists (select from pg_catalog.pg_roles where rolname = 'service_role') then
        grant select, insert, update, delete on agent.pollers to service_role;
    end if;
end
$$;

select agent.only_service_role(array[
    'public.report_poller(text, text, double precision, integer)',
    'public.leave_poller(text)',
    'public.list_pollers()'
]);

insert into agent.migrations (name) values ('0028_pollers') on conflict (name) do nothing;
