-- Only `create index` statements: `gridwise migrate` builds them CONCURRENTLY; pasted, each blocks writers for as long
-- as one read of the table takes.

-- The order of the queue, as one key: submission time minus a head start (urgency: LOW 0, MEDIUM 1, HIGH 4, CRITICAL
-- 24 hours; plus up to 4 hours the closer the deadline was at submission). A row is overtaken only by rows submitted
-- less than 28 hours after it, so nothing starves. Dates are clamped, because an index expression that overflows would
-- refuse the user's insert. claim_workloads repeats the expression and the predicate word for word.
create index if not exists compute_workloads_queue_idx on public.compute_workloads (
    (
        least(greatest(coalesce(submitted_at, timestamptz '2000-01-01 00:00+00'), timestamptz '2000-01-01 00:00+00'), timestamptz '2200-01-01 00:00+00') at time zone 'UTC'
        - case upper(urgency) when 'CRITICAL' then interval '24 hours' when 'HIGH' then interval '4 hours' when 'LOW' then interval '0 hours' else interval '1 hour' end
        - greatest(interval '0 hours', interval '4 hours' - greatest(interval '0 hours',
            least(greatest(least(coalesce(deadline, timestamptz '2200-01-01 00:00+00'), coalesce(latest_completion, timestamptz '2200-01-01 00:00+00')), timestamptz '2000-01-01 00:00+00'), timestamptz '2200-01-01 00:00+00') at time zone 'UTC'
            - least(greatest(coalesce(submitted_at, timestamptz '2000-01-01 00:00+00'), timestamptz '2000-01-01 00:00+00'), timestamptz '2200-01-01 00:00+00') at time zone 'UTC'))
    ),
    id
) where status = 'pending' or (status = 'queued' and agent_status = 'pending');

-- orphan adoption
create index if not exists compute_workloads_processing_idx on public.compute_workloads (agent_started_at)
where status = 'processing';

-- power promised over a span of time
create index if not exists compute_workloads_promised_idx on public.compute_workloads (recommended_time_window_end)
where recommended_asset_id is not null;

insert into agent.migrations (name) values ('0005_indexes') on conflict (name) do nothing;
