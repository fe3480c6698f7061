-- Events for a webhook: written in the transaction that changes a row's state, sent by any poller under a lease, so that
-- none is lost and few are sent twice (their id tells). Nothing is written where no poller has a webhook configured.

-- The states that are told. Runs as its owner: whoever changes a row may be somebody who must not see this schema.
create or replace function agent.tell_webhook()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    r jsonb;
    v_payload jsonb;
    v_event text := case new.status when 'failed' then 'failed' when 'cancelled' then 'cancelled' else 'done' end;
begin
    if not exists (select from agent.webhook as h where h.seen_at > clock_timestamp() - interval '1 day') then
        return null;
    end if;
    r := to_jsonb(new);
    v_payload := jsonb_build_object(
        'workload_id', new.id, 'workload_name', left(r ->> 'workload_name', 1000), 'job_id', left(r ->> 'job_id', 1000),
        'user_id', r -> 'user_id', 'status', new.status, 'occurred_at', clock_timestamp(),
        'recommended_region', r -> 'recommended_region',
        'recommended_time_window_start', r -> 'recommended_time_window_start',
        'recommended_time_window_end', r -> 'recommended_time_window_end',
        'recommended_carbon_intensity', r -> 'recommended_carbon_intensity',
        'recommended_cost_gbp', r -> 'recommended_cost_gbp',
        'recommendation_confidence', r -> 'recommendation_confidence',
        'decision_summary', r -> 'decision_summary', 'agent_error', r -> 'agent_error'
    );
    if current_setting('gridwise.writing', true) = 'on' then  -- a row that cannot be told of is parked
        insert into agent.outbox (event, workload_id, payload) values (v_event, new.id, v_payload);
        return null;
    end if;
    begin
        insert into agent.outbox (event, workload_id, payload) values (v_event, new.id, v_payload);
    exception when others then  -- a fault of ours never refuses what a user does
        raise warning 'gridwise: % (no webhook is told of this)', sqlerrm;
    end;
    return null;
end
$$;

-- Up to p_limit events that are due, leased; none of them a second time before its lease ends. An event of one workload
-- waits for the earlier ones of the same. The call is also the sign that there is a webhook.
create or replace function public.claim_deliveries(p_limit integer, p_lease_seconds double precision)
returns jsonb language plpgsql set search_path = ''
as $$
declare
    claimed jsonb;
begin
    insert into agent.webhook as h (only_one, seen_at) values (true, clock_timestamp())
    on conflict (only_one) do update set seen_at = excluded.seen_at
    where h.seen_at < clock_timestamp() - interval '1 minute';
    delete from agent.outbox as o where o.created_at < clock_timestamp() - interval '7 days';
    with waiting as (
        select o.id from agent.outbox as o
        where o.due <= clock_timestamp() and o.given_up_at is null
        and not exists (
            select from agent.outbox as e
            where e.workload_id = o.workload_id and e.created_at < o.created_at and e.given_up_at is null
        )
        order by o.due
        limit p_limit
        for update skip locked
    ), leased as (
        update agent.outbox as o
        set token = gen_random_uuid(), attempt = o.attempt + 1,
            due = clock_timestamp() + make_interval(secs => p_lease_seconds)
        from waiting as w where o.id = w.id
        returning o.*
    )
    select jsonb_agg(
        jsonb_build_object(
            'id', l.id, 'token', l.token, 'event', l.event, 'attempt', l.attempt, 'created_at', l.created_at,
            'payload', l.payload
        ) order by l.created_at
    ) into claimed from leased as l;
    return coalesce(claimed, '[]');
end
$$;

-- The end of an attempt: delivered (p_error null), to be tried again, or (p_retry_seconds null) given up. False where the
-- lease had run out and somebody else has the event.
create or replace function public.settle_delivery(
    p_id uuid, p_token uuid, p_error text, p_retry_seconds double precision
)
returns jsonb language plpgsql set search_path = ''
as $$
begin
    if p_error is null then
        delete from agent.outbox as o where o.id = p_id and o.token = p_token;
    else
        update agent.outbox as o
        set last_error = left(p_error, 1000), token = null,
            due = clock_timestamp() + make_interval(secs => coalesce(p_retry_seconds, 0)),
            given_up_at = case when p_retry_seconds is null then clock_timestamp() end
        where o.id = p_id and o.token = p_token;
    end if;
    return to_jsonb(found);
end
$$;

select agent.ensure_trigger('gridwise_tell_webhook', $$after update on public.compute_workloads for each row
    when (new.status is distinct from old.status and (
        new.status in ('failed', 'cancelled') or (new.status = 'queued' and new.agent_status = 'completed')
    )) execute function agent.tell_webhook()$$);
