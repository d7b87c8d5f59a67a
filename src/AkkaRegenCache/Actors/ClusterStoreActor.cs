using Akka.Actor;
using Akka.Event;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Actors;

/// <summary>
/// Asks the shards' stores for this node's caches. Large values are fetched by their receiver in windows, so that no frame is too large and
/// no connection is filled for long.
/// </summary>
/// <remarks>Waits end by the caller's deadline; calls without a waiting caller are forgotten. When the actor crashes, all its calls
/// fail.</remarks>
internal sealed class ClusterStoreActor : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan s_forgetAfter = TimeSpan.FromMinutes(1);

    private readonly ILoggingAdapter _log = Context.GetLogger();
    private IActorRef _region;
    private readonly TimeProvider _time;
    private readonly Dictionary<long, PartitionCall> _calls = [];

    // A late answer to the previous incarnation must not be taken for an answer to this one.
    private long _lastId = Random.Shared.NextInt64(1L << 40) << 20;

    public ClusterStoreActor(IActorRef region, TimeProvider time)
    {
        _region = region;
        _time = time;
        Receive<PartitionCall>(OnCall);
        Receive<PartitionCallAbandoned>(abandoned => _calls.Remove(abandoned.Call.Id));
        Receive<ToNode>(message => OnMessage(message.Body));
        Receive<RegionReplaced>(OnRegion);
        Receive<UnknownMessage>(_ => { });
        Receive<Forget>(_ => OnForget());
    }

    public ITimerScheduler Timers { get; set; } = null!;

    public static Props Props(IActorRef region, TimeProvider time) => Akka.Actor.Props.Create(() => new ClusterStoreActor(region, time));

    protected override void PreStart() => Timers.StartPeriodicTimer(nameof(Forget), Forget.Instance, s_forgetAfter / 2);

    protected override void PreRestart(Exception reason, object message)
    {
        _log.Error(reason, "The actor that asks the shards crashed at a {0}; the calls that it knew fail.", message?.GetType().Name);
        var failure = new InvalidOperationException("The actor that asks the shards crashed; the outcome of the call is not known.",
            reason);
        (message as PartitionCall)?.Fail(failure);
        FailAll(failure);
        base.PreRestart(reason, message!);
    }

    protected override void PostStop() => FailAll(new ObjectDisposedException(nameof(ClusterStoreActor), "The actor system has ended."));

    /// <summary>Messages that the ended region had buffered are lost.</summary>
    private void OnRegion(RegionReplaced replaced)
    {
        _region = replaced.Region;
        FailAll(new InvalidOperationException("The way to the shards was broken; the outcome of the call is not known."));
    }

    private void OnCall(PartitionCall call)
    {
        call.Id = ++_lastId;
        call.StartedAt = _time.GetTimestamp();
        _calls.Add(call.Id, call);
        Ask(call);
    }

    private void Ask(PartitionCall call) =>
        _region.Tell(new ToShard(call.Shard, new StoreAsk(call.Id, call.Request, call.Large.Length)), Self);

    private void OnMessage(object body)
    {
        switch (body)
        {
            case StoreReply reply when _calls.TryGetValue(reply.Id, out var call):
                OnReply(call, reply);
                break;
            case StoreFailed failed when _calls.Remove(failed.Id, out var call):
                call.Fail(new InvalidOperationException($"Shard {call.Shard}: {failed.Message}"));
                break;
            case PayloadWanted wanted when _calls.TryGetValue(wanted.Id, out var call):
                foreach (var chunk in ChunkBuffer.Cut(wanted.Id, call.Large, wanted.Offset, wanted.Count))
                    _region.Tell(new ToShard(call.Shard, chunk), Self);
                break;
            case PayloadChunk chunk when _calls.TryGetValue(chunk.Id, out var call) && call.Fetched is { } fetched:
                fetched.Take(chunk);
                Fetch(call);
                break;
            case AskAgain again when _calls.TryGetValue(again.Id, out var call):
                Restart(call);
                break;
        }
    }

    private void OnReply(PartitionCall call, StoreReply reply)
    {
        if (reply.PayloadLength == 0)
        {
            _calls.Remove(call.Id);
            call.Complete(reply.Answer);
            return;
        }

        if (reply.PayloadLength is < 0 or > ChunkBuffer.MaximumLength || StorePayloads.RecordOf(reply.Answer) is null
            || call.Request is not StoreRequest)
        {
            _calls.Remove(call.Id);
            call.Fail(new InvalidOperationException(
                $"Shard {call.Shard} answered with a value of {reply.PayloadLength} bytes, which can't be."));
            return;
        }

        call.Partial = reply.Answer;
        call.Fetched = new ChunkBuffer(reply.PayloadLength);
        Fetch(call);
    }

    private void Fetch(PartitionCall call)
    {
        if (call.Fetched!.IsComplete)
        {
            _calls.Remove(call.Id);
            call.Complete(StorePayloads.With(call.Partial!, CachePayload.FromBytes(call.Fetched.Bytes)));
        }
        else if (call.Fetched.Next() is var (offset, count))
        {
            var token = StorePayloads.RecordOf(call.Partial!)!.Token;
            _region.Tell(new ToShard(call.Shard, new RecordWanted(call.Id, ((StoreRequest)call.Request).Key, token, offset, count)), Self);
        }
    }

    /// <summary>
    /// The record was replaced while its value was fetched, so the answer is outdated. Or the shard has a new entity, which asks whether
    /// the request is still wanted.
    /// </summary>
    private void Restart(PartitionCall call)
    {
        call.Partial = null;
        call.Fetched = null;
        if (++call.Restarts <= 5)
        {
            Ask(call);
            return;
        }

        _calls.Remove(call.Id);
        call.Fail(new InvalidOperationException($"Shard {call.Shard}: the record changed faster than it could be fetched."));
    }

    private void OnForget()
    {
        foreach (var call in _calls.Values.Where(call => _time.GetElapsedTime(call.StartedAt) > s_forgetAfter).ToList())
        {
            _calls.Remove(call.Id);
            call.Fail(new TimeoutException($"Shard {call.Shard} did not answer."));
        }
    }

    private void FailAll(Exception failure)
    {
        foreach (var call in _calls.Values)
            call.Fail(failure);
        _calls.Clear();
    }

    private sealed class Forget : INoSerializationVerificationNeeded
    {
        public static readonly Forget Instance = new();
    }
}
