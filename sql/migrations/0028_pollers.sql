-- Which pollers there are: each reports itself with its heartbeat, and leaves when it stops.

create table if not exists agent.pollers (
    owner text primary key,  -- host:process:random, as in the leases
    version text not null,
    lease_seconds double precision not null,
    concurrency integer not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
);
alter table agent.pollers add column if not exists problems jsonb not null default '[]';  -- what keeps it from working

select agent.keep_private(array['pollers']);

insert into agent.migrations (name) values ('0028_pollers') on conflict (name) do nothing;
