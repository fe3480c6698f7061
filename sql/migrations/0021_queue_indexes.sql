-- Only `create index` statements: `gridwise migrate` builds them CONCURRENTLY.

-- rows that came without our triggers
create index if not exists compute_workloads_open_idx on public.compute_workloads (id)
where status = 'pending' or (status = 'queued' and agent_status = 'pending');

insert into agent.migrations (name) values ('0021_queue_indexes') on conflict (name) do nothing;
