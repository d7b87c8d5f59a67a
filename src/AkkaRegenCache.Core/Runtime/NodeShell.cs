using System.Collections.Concurrent;
using AkkaRegenCache.Memory;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Serialization;
using AkkaRegenCache.Storage;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// The in-process shell: a serial loop that feeds the <see cref="NodeAgent"/> and does what it says. No decision of the protocol is made
/// here.
/// </summary>
/// <remarks>
/// Any thread posts; whoever posts into an idle loop runs it, and hands it to the thread pool when it has served others for long enough. The loop
/// is the memory layer's one writer. It runs in a context of its own (<see cref="OwnContext"/>), whoever's thread it is, and calls no foreign code: stores and buses
/// that are not this project's are called on the thread pool.
/// </remarks>
internal sealed partial class NodeShell : IAccessLog, IAsyncDisposable
{
    /// <summary>How precisely the last read of a key is remembered, in ticks.</summary>
    private static readonly long s_epoch = TimeSpan.FromMilliseconds(250).Ticks;

    private static readonly ContextCallback s_drain = static shell =>
    {
        OwnContext.LeaveSynchronizationContext();
        ((NodeShell)shell!).Drain(seen: 1);
    };

    private const int MessagesPerTurn = 256;

    /// <summary>The most bytes of values in one message to a part of the store that has lost its records.</summary>
    private const int KeptBytes = 64 * 1024;

    /// <summary>What a record takes beside its key and value, at the most.</summary>
    private const int KeptOverhead = 64;

    private readonly ConcurrentQueue<(Peer From, object Message)> _mailbox = new();
    private readonly Outbox _outbox = new();
    private readonly NodeAgent _agent;
    private readonly GeneratorRuns _runs;
    private readonly GenerationFailureLog _failures;
    private readonly StoreFailureLog _storeFailures;
    private readonly UnreadableLog _unreadable;
    private readonly OverloadLog _overload;
    private readonly bool _throwsUnreadable;
    private readonly IExternalStore _store;
    private readonly INotificationBus? _bus;
    private readonly IDisposable? _subscription;
    private readonly ICoordinatorLink? _coordinators;
    private readonly IDisposable? _attached;
    private readonly TimeProvider _time;
    private readonly TimeSpan _storeTimeout;
    private readonly TimeSpan _leaveTimeout;
    private readonly TimeSpan _warmUpTimeout;
    private readonly string _cacheName;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly long _start;
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _left;
    private long _timerAt = long.MaxValue;
    private int _posted;

    /// <summary>How many posts the loop knew of when it went on elsewhere: for whoever goes on.</summary>
    private int _handedOn;
    private int _storeCalls;
    private int _answers;
    private volatile bool _isLeaving;
    private bool _isGoingOn;
    private bool _hasEnded;
    private int _draining;
    private bool _isBusDown;
    private bool _goesOn;
    private bool _hasLeft;

    public NodeShell(
        string cacheName,
        RegenCacheOptions options,
        IExternalStore store,
        INotificationBus? bus,
        ICoordinatorLink? coordinators,
        Func<string, GeneratorSource?>? sourceFor,
        ValueCodec codec,
        TimeProvider time,
        ILogger logger,
        string nodeId,
        int seed)
    {
        _cacheName = cacheName;
        _store = ForeignStore.Around(store);
        _bus = bus is null or IReturnsAtOnce ? bus : new ForeignBus(bus);
        _time = time;
        _logger = logger;
        _storeTimeout = options.StoreWriteTimeout;
        _leaveTimeout = options.LeaveTimeout;
        _warmUpTimeout = options.StoreWarmUpTimeout;
        Codec = codec;
        Memory = new MemoryLayer(new MemoryLayerOptions
        {
            MaxEntries = options.MaximumEntries,
            MaxBytes = options.MaximumBytes,
            Policy = options.MemoryPolicy,
        });
        _start = time.GetTimestamp();
        _agent = new NodeAgent(
            Settings = new AgentSettings
            {
                NodeId = nodeId,
                Lease = options.ClaimLease.Ticks,
                Heartbeat = options.HeartbeatInterval.Ticks,
                MaximumEntries = options.MaximumEntries,
                MaximumBackground = options.MaximumBackgroundGenerations,
                MaximumForeground = options.MaximumForegroundGenerations,
                MaximumQueued = options.MaximumQueuedGenerations,
                InlineBytes = bus is null ? -1 : options.InlinePayloadBytes,
                StoreAnnounces = bus is null ? null : () => _store.AnnouncesOn(bus),
                ReadTimeout = options.StoreReadTimeout.Ticks,
                WriteTimeout = options.StoreWriteTimeout.Ticks,
                FailuresToBreak = options.StoreFailuresToBreak,
                BreakDuration = options.StoreBreakDuration.Ticks,
                MaximumPendingChanges = options.MaximumPendingChanges,
                Parts = store.Parts,
                PartOf = store.Parts > 1 ? store.PartOf : null,
                Shards = coordinators?.Shards ?? 0,
                ShardOf = coordinators is null ? null : coordinators.ShardOf,
                SourceFor = sourceFor,
            },
            new Random(seed),
            this);
        _runs = new GeneratorRuns(this);
        _failures = new GenerationFailureLog(logger, cacheName, nodeId);
        _storeFailures = new StoreFailureLog(logger, cacheName);
        _unreadable = new UnreadableLog(logger, cacheName);
        _overload = new OverloadLog(logger, cacheName);
        _throwsUnreadable = options.UnreadableValues == UnreadableValues.Throw;
        _timer = time.CreateTimer(static s => ((NodeShell)s!).Post(Peer.Clock, Tick.Instance), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _subscription = bus?.Subscribe(cacheName, notification => Post(Peer.Bus, notification));
        _coordinators = coordinators;
        _attached = coordinators?.Attach(nodeId, message => Post(Peer.Coordinator, message));
    }

    public MemoryLayer Memory { get; }

    public ValueCodec Codec { get; }

    public GeneratorRuns Runs => _runs;

    /// <summary>The threads that are blocked in synchronous calls.</summary>
    public BlockedThreads Blocked { get; } = new();

    /// <summary>What the agent was told, for tests.</summary>
    internal AgentSettings Settings { get; }

    /// <summary>Messages posted and not yet served, for tests that must know when nothing is left to do.</summary>
    public int Backlog => Volatile.Read(ref _posted);

    /// <summary>Calls of the store that are under way.</summary>
    public int StoreCalls => Volatile.Read(ref _storeCalls);

    /// <summary>Answers that are being deserialized on the thread pool, for tests as well.</summary>
    public int AnswersUnderWay => Volatile.Read(ref _answers);

    /// <summary>Whether what waits for the loop while the node leaves has been told, and has not gone on yet; for tests as well.</summary>
    public bool IsGoingOn => Volatile.Read(ref _isGoingOn) && !Volatile.Read(ref _hasEnded);

    /// <summary>Whether it is disposed of: nobody may ask any more.</summary>
    public bool IsLeaving => Volatile.Read(ref _left) is not null;

    internal NodeAgent Agent => _agent;

    private long Now => _time.GetElapsedTime(_start).Ticks;

    /// <summary>Hands a message to the agent; returns when it is queued, or served.</summary>
    public void Post(Peer from, object message)
    {
        _mailbox.Enqueue((from, message));
        if (Interlocked.Increment(ref _posted) == 1)
            OwnContext.Run(s_drain, this);
    }

    long IAccessLog.LastRead(string key)
    {
        var epoch = Memory.Find(key)?.Epoch ?? int.MinValue;
        return TimeOf(epoch);
    }

    /// <summary>Counts what <see cref="AnswersUnderWay"/> tells.</summary>
    public void CountAnswer(int change) => Interlocked.Add(ref _answers, change);

    /// <summary>Answers a call with what memory shows; where that has gone meanwhile, the call asks again.</summary>
    public void CompleteFromMemory(Call call)
    {
        if (Memory.Find(call.Key) is { } entry && entry.TryRead(out var value, out var payload))
        {
            entry.OnHit(Memory.Epoch);
            AnswerWith(payload as CachePayload ?? CachePayload.FromValue(value, entry.Size), entry.Token, call);
        }
        else
        {
            Post(Peer.Callers, call);
        }
    }

    /// <summary>A value can't be read as the type that it is asked for: tells so, and whether it counts as missing.</summary>
    public bool ReplacesUnreadable<T>(string key, Exception error)
    {
        if (_throwsUnreadable)
            return false;
        _unreadable.Tell(key, typeof(T), error);
        return true;
    }

    /// <summary>Gives claims back, ends all waits, and lets go of everything. All calls return when that is done.</summary>
    public ValueTask DisposeAsync()
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.CompareExchange(ref _left, left, null) is { } begun ? new ValueTask(begun.Task) : new ValueTask(LeaveAsync(left));
    }

    private async Task LeaveAsync(TaskCompletionSource left)
    {
        try
        {
            await LeaveAsync().ConfigureAwait(false);
        }
        finally
        {
            left.SetResult();
        }
    }

    private async Task LeaveAsync()
    {
        await DrainOrHandOverAsync().ConfigureAwait(false);
        _isLeaving = true;
        _subscription?.Dispose();
        _attached?.Dispose();
        Post(Peer.Clock, Leave.Instance);
        await _timer.DisposeAsync().ConfigureAwait(false);
        try
        {
            // Releases and changes that waited are on their way; another node need not wait for a lease to end.
            var idle = _idle.Task.WaitAsync(_storeTimeout, _time);
            Volatile.Write(ref _isGoingOn, false);
            await idle.ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // Then it has to.
        }

        _storeFailures.TellEnd();
        if (_agent.PendingChanges is > 0 and var lost)
            LogChangesLost(_cacheName, lost);

        // Should the loop come to rest only now, nobody waits for it any more.
        Volatile.Write(ref _hasEnded, true);
    }

    /// <summary>Begins nothing new, and waits for what runs here, for as long as a node that leaves may. May be called again.</summary>
    public async Task DrainAsync()
    {
        await DrainOrHandOverAsync().ConfigureAwait(false);
        Volatile.Write(ref _isGoingOn, false);
    }

    private async Task DrainOrHandOverAsync()
    {
        var drained = _drained.Task;
        if (_leaveTimeout == TimeSpan.Zero || drained.IsCompleted)
            return;
        Post(Peer.Clock, Protocol.Drain.Instance);
        if (drained.IsCompleted)
            return;
        Interlocked.Increment(ref _draining);
        try
        {
            await drained.WaitAsync(_leaveTimeout, _time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The rest is handed over.
        }
        finally
        {
            Interlocked.Decrement(ref _draining);
        }
    }

    /// <summary>What an error of the store means for the protocol.</summary>
    private static StoreFault FaultOf(Exception exception) => exception switch
    {
        TimeoutException or OperationCanceledException => StoreFault.TimedOut,
        StoreRefusedException or ArgumentException => StoreFault.Refused,
        _ => StoreFault.Failed,
    };

    private static int EpochOf(long now) => (int)(now / s_epoch);

    private static long TimeOf(int epoch) => epoch == int.MinValue ? long.MinValue : epoch * s_epoch;

    /// <summary>
    /// Serves the mailbox until nothing is left. Only one thread is in here at a time: whoever made the count of posts go from 0 to 1, and the count
    /// goes back to 0 only when this loop has seen all of it. A message may be served before its poster has counted it; its count
    /// then only makes the loop look once more.
    /// </summary>
    /// <param name="seen">
    /// How many posts this loop knows of. A local: when the count has gone back to 0 another thread may be in here before this one has returned.
    /// </param>
    private void Drain(int seen)
    {
        var served = 0;
        while (true)
        {
            var now = Now;
            var epoch = EpochOf(now);
            if (epoch != Memory.Epoch)
                Memory.EnterEpoch(epoch);

            var turn = 0;
            while (turn < MessagesPerTurn && _mailbox.TryDequeue(out var item))
            {
                turn++;
                Serve(item.From, item.Message, now);
            }

            SetTimer(now);
            served += turn;
            if (served >= MessagesPerTurn)
            {
                // The pool's threads may all be blocked in calls that wait for this loop.
                _handedOn = seen;
                if (Blocked.Any)
                    LoopThread.Queue(this);
                else
                    ThreadPool.UnsafeQueueUserWorkItem(static shell => shell.GoOn(), this, preferLocal: false);
                return;
            }

            // A call of the store is counted until its reply has been posted: with none under way and nothing posted, nothing is left to do.
            if (_hasLeft && StoreCalls == 0 && _mailbox.IsEmpty && !_idle.Task.IsCompleted)
            {
                Volatile.Write(ref _isGoingOn, true);
                _idle.TrySetResult();
            }

            seen = Interlocked.Add(ref _posted, -seen);
            if (seen == 0)
                return;
        }
    }

    /// <summary>Goes on with the loop that another thread has handed on.</summary>
    internal void GoOn() => Drain(_handedOn);

    private void Serve(Peer from, object message, long now)
    {
        try
        {
            // The timer is spent, also where it fired a little early: it must be set again, even for the same time.
            if (message is Tick)
            {
                _timerAt = long.MaxValue;
                _failures.TellRest(now);
                _storeFailures.TellRest(now);
            }

            // Whoever asked while the node was leaving: nothing is begun any more that no timer would bring to its end.
            if (_hasLeft && CallerOf(message) is { } late)
            {
                late.Complete(new Answered(late, AnswerKind.Left), this);
                return;
            }

            if (message is GeneratorLearned learned)
                Memory.Find(learned.Key)?.UseGenerator(learned.Source);

            if (message is LinkEnded ended && !GoesOn(ended))
                return;

            // Taken in again before this was served? Then there is nothing to tell.
            if (message is Evicted evicted && Memory.Find(evicted.Key) is not null)
                return;
            _agent.On(from, message, now, _outbox);
        }
        catch (Exception e)
        {
            // Nothing here is expected to throw; should it, the loop must go on, and what was decided before must be done, or callers of this node hang.
            LogLoopFailed(e, _cacheName, message.GetType().Name);
            if (CallerOf(message) is { } caller)
                caller.FailWith(e);
        }

        for (var i = 0; i < _outbox.Count; i++)
            DoOrFail(_outbox[i].To, _outbox[i].Message);
        _outbox.Clear();

        if (message is Leave)
        {
            _hasLeft = true;
            Memory.Clear();
        }
    }

    /// <summary>The cluster has ended under it. One that is disposed of goes on with nothing; another one does, and can be drained again.</summary>
    private bool GoesOn(LinkEnded ended)
    {
        if (IsLeaving)
            return false;
        _drained.TrySetResult();
        _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_goesOn)
            return true;
        _goesOn = true;
        if (ended.HasStore)
            LogGoesOnWithStore(_cacheName, ended.Why);
        else
            LogGoesOnAlone(_cacheName, ended.Why);
        return true;
    }

    private static Call? CallerOf(object message) => message as Call ?? (message as ChangeRequested)?.Caller as Call;

    /// <summary>Does one thing that the agent has decided. Where that throws, whoever waits for it hears of it, and the next one is done all the same.</summary>
    private void DoOrFail(Peer to, object message)
    {
        try
        {
            Do(to, message);
        }
        catch (Exception e)
        {
            LogLoopFailed(e, _cacheName, message.GetType().Name);
            if (message is RunGenerator run)
                Post(Peer.Generators, new GeneratorFinished(run.RunId, RunOutcome.Failed, null, GenerationFailure.From(e)));
            else if (message is StoreCall call)
                Post(Peer.Store, new StoreReplied(call, null, StoreFault.Failed, e));
        }
    }

    /// <summary>
    /// Gives callers a value: at once to those for whom it is there as they want it. The others have it deserialized, or made to another type, together.
    /// </summary>
    private void AnswerWith(CachePayload payload, long token, Waiter? chain)
    {
        Waiter? rest = null;
        var hasValue = payload.HasValue;
        while (chain is { } waiter)
        {
            chain = waiter.Next;
            waiter.Next = null;
            if (hasValue && ((Call)waiter).TryCompleteWith(payload.Value))
                continue;
            waiter.Next = rest;
            rest = waiter;
        }

        if (rest is not null)
            new AnswerWork(this, (Call)rest, payload, token).Begin();
    }

    /// <summary>Answers all callers of a chain, each by itself: what goes wrong with one is that one's.</summary>
    private void AnswerAll(Answered answered)
    {
        if (answered.Kind == AnswerKind.Value)
        {
            AnswerWith(answered.Payload!, answered.Token, answered.Chain);
            return;
        }

        if (answered.Kind == AnswerKind.Overloaded)
            _overload.Tell(answered.Chain.Key, Now);
        for (var waiter = answered.Chain; waiter is not null;)
        {
            var next = waiter.Next;
            waiter.Next = null;
            var call = (Call)waiter;
            try
            {
                call.Complete(answered, this);
            }
            catch (Exception e)
            {
                LogLoopFailed(e, _cacheName, nameof(Answered));
                call.FailWith(e);
            }

            waiter = next;
        }
    }

    private void Do(Peer to, object message)
    {
        switch (message)
        {
            case StoreCall call:
                Execute(call);
                break;
            case Adopt adopt:
                TakeIn(adopt);
                break;
            case Answered answered:
                AnswerAll(answered);
                break;
            case Drained:
                Volatile.Write(ref _isGoingOn, Volatile.Read(ref _draining) > 0);
                _drained.TrySetResult();
                break;
            case StoreHealthChanged { IsDown: true }:
                LogStoreDown(_cacheName);
                break;
            case StoreHealthChanged:
                _storeFailures.TellEnd();
                LogStoreBack(_cacheName, _agent.PendingChanges);
                break;
            case GenerationFailedHere failed:
                _failures.Tell(failed, Now);
                break;
            case RunGenerator run:
                _runs.Start(run);
                break;
            case RunProbed probed:
                _runs.Pass(probed);
                break;
            case DeadlockFound found:
                FailDeadlocked((Call)found.Waiter, found.Path);
                break;
            case CancelGenerator cancel:
                _runs.Cancel(cancel);
                break;
            case CacheNotification notification:
                Publish(notification);
                break;
            case CoordinatorCall { Message: RecordsKept kept } call:
                SendKept(call.Shard, kept);
                break;
            case CoordinatorCall call:
                _coordinators!.Send(call.Shard, call.Message);
                break;
            case Drop drop:
                Memory.Remove(drop.Key);
                break;
            case Retire retire:
                Memory.Find(retire.Key)?.UseGenerator(null);
                break;
            default:
                throw new InvalidOperationException($"Nobody takes {message.GetType().Name} to {to}.");
        }
    }

    /// <summary>
    /// Fails a call inside a generator as if it had been refused when it was made. One whose thread is at work would not notice: the next probe
    /// tries again.
    /// </summary>
    private void FailDeadlocked(Call call, IReadOnlyList<string> path)
    {
        if (!call.CanFail)
            return;
        call.FailWith(GenerationScope.Deadlock(path));
        Post(Peer.Callers, new CallerLeft(call));
    }

    /// <summary>Gives a part of the store back what memory shows, in messages of a bounded size. What is too large for one, the part does without.</summary>
    private void SendKept(int shard, RecordsKept kept)
    {
        var records = new List<KeptRecord>();
        var size = 0;
        foreach (var record in kept.Records)
        {
            if (PayloadOf(record.Key) is not { Bytes: { Length: <= KeptBytes } bytes } payload || Codec.IsTooLarge(payload))
                continue;
            if (size + bytes.Length > KeptBytes)
            {
                _coordinators!.Send(shard, kept with { Records = records });
                (records, size) = ([], 0);
            }

            records.Add(record with { Payload = payload });
            size += bytes.Length + (record.Key.Length * 3) + KeptOverhead;
        }

        if (records.Count > 0)
            _coordinators!.Send(shard, kept with { Records = records });
    }

    private CachePayload? PayloadOf(string key)
    {
        if (Memory.Find(key) is not { } entry || !entry.TryRead(out var value, out var payload))
            return null;
        if (payload is CachePayload { Bytes: not null } serialized)
            return serialized;
        try
        {
            return (entry.Generator as KeySource)?.Encode(key, value, Codec);
        }
        catch (Exception)
        {
            // Set by somebody as another type than its generator makes: only who set it knows how it is serialized. Or a serializer that throws.
            return null;
        }
    }

    private void TakeIn(Adopt adopt)
    {
        // A disposed node serves nothing, so it takes in nothing.
        if (_hasLeft)
            return;
        var payload = adopt.Payload;
        var value = payload.HasValue ? payload.Value : null;
        var outcome = Memory.Set(
            adopt.Key, value, value is null ? payload : null, adopt.Source, adopt.Token, payload.Size, out var entry);
        if (outcome == SetOutcome.Admitted)
            entry!.StartAt(int.MinValue);
        foreach (var evicted in Memory.Evicted)
            Post(Peer.Memory, new Evicted(evicted.Key, TimeOf(evicted.Epoch)));
        if (outcome is SetOutcome.Refused or SetOutcome.Dropped)
            Post(Peer.Memory, new Evicted(adopt.Key, long.MinValue));
    }

    private void Execute(StoreCall call)
    {
        ValueTask<StoreAnswer> task;

        // A store in memory answers at once: nothing to abandon.
        var abandon = _store is InMemoryStore ? null : new CancellationTokenSource();
        try
        {
            task = StoreCalling.Invoke(_store, call, abandon?.Token ?? default);
        }
        catch (Exception e)
        {
            LogStoreFailed(e, call);
            Post(Peer.Store, new StoreReplied(call, null, FaultOf(e), e));
            return;
        }

        if (task.IsCompletedSuccessfully)
            Post(Peer.Store, new StoreReplied(call, task.Result));
        else
            _ = AwaitStoreAsync(call, task, abandon);
    }

    private async Task AwaitStoreAsync(StoreCall call, ValueTask<StoreAnswer> task, CancellationTokenSource? abandon)
    {
        Interlocked.Increment(ref _storeCalls);
        StoreReplied reply;
        var asked = task.AsTask();
        try
        {
            reply = new StoreReplied(call, await asked.WaitAsync(TimeSpan.FromTicks(call.Timeout), _time).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            LogStoreFailed(e, call);
            reply = new StoreReplied(call, null, FaultOf(e), e);

            // Given up: what it goes on to do is in nobody's way any more. But a claim must be given back if it is granted all the same.
            if (e is TimeoutException && call.Request is ClaimRequest claim)
                _ = AwaitGrantAsync(call, claim, asked);
            if (e is TimeoutException && abandon is not null)
                await abandon.CancelAsync().ConfigureAwait(false);
        }

        Post(Peer.Store, reply);
        if (Interlocked.Decrement(ref _storeCalls) == 0 && _isLeaving)
            Post(Peer.Clock, Tick.Instance);
    }

    /// <summary>Waits for the answer to a claim that was given up, for as long as it would hold.</summary>
    private async Task AwaitGrantAsync(StoreCall call, ClaimRequest claim, Task<StoreAnswer> asked)
    {
        try
        {
            if (await asked.WaitAsync(claim.Lease, _time).ConfigureAwait(false) is ClaimAnswer { Outcome: ClaimOutcome.Granted } answer)
                Post(Peer.Store, new LateGrant(call, answer));
        }
        catch (Exception)
        {
            // It failed, which was told when it was given up; or its lease is over.
        }
    }

    private void Publish(CacheNotification notification)
    {
        if (_bus is null)
            return;

        // The exception itself is this node's own: others get its type and message, as they would over a wire.
        if (notification.Failure is { Exception: not null } failure)
            notification = notification with { Failure = failure.WithoutException() };
        try
        {
            var task = _bus.PublishAsync(_cacheName, notification);
            if (task.IsCompletedSuccessfully)
                NotePublished();
            else
                _ = AwaitBusAsync(task);
        }
        catch (Exception e)
        {
            NoteNotPublished(e);
        }
    }

    private async Task AwaitBusAsync(ValueTask task)
    {
        try
        {
            await task.ConfigureAwait(false);
            NotePublished();
        }
        catch (Exception e)
        {
            NoteNotPublished(e);
        }
    }

    /// <summary>The first failure is news; those after it, two a second by the heartbeat alone, are not.</summary>
    private void NoteNotPublished(Exception exception)
    {
        if (Interlocked.Exchange(ref _isBusDown, true))
            LogBusStillFails(exception, _cacheName);
        else
            LogBusFailed(exception, _cacheName);
    }

    private void NotePublished()
    {
        if (Volatile.Read(ref _isBusDown) && Interlocked.Exchange(ref _isBusDown, false))
            LogBusBack(_cacheName);
    }

    private void SetTimer(long now)
    {
        if (_isLeaving)
            return;
        var at = _agent.NextDeadline;
        if (_agent.KeyCount > 0)
            at = Math.Min(at, (EpochOf(now) + 1) * s_epoch);
        if (at == _timerAt && at > now)
            return;
        _timerAt = at;
        if (at == long.MaxValue)
        {
            _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            return;
        }

        // Timers count whole milliseconds and cut the rest off; too early would only be too early again. None is set for over a day.
        var wait = Math.Clamp(at - now, 0, TimeSpan.TicksPerDay);
        wait = (wait + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond * TimeSpan.TicksPerMillisecond;
        _timer.Change(TimeSpan.FromTicks(wait), Timeout.InfiniteTimeSpan);
    }

    private void LogStoreFailed(Exception exception, StoreCall call)
    {
        // While the store counts as down this is no news.
        if (_agent.IsStoreDown)
            LogStoreStillFails(exception, _cacheName, StoreCalling.NameOf(call), call.Request?.Key ?? "");
        else
            _storeFailures.Tell(exception, StoreCalling.NameOf(call), call.Request?.Key ?? "", Now);
    }

    [LoggerMessage(1, LogLevel.Error, "Cache {CacheName}: serving a {Message} failed; this is a bug of the cache.")]
    private partial void LogLoopFailed(Exception exception, string cacheName, string message);

    [LoggerMessage(14, LogLevel.Warning,
        "Cache {CacheName}: {Why}. It goes on without the cluster, on its external store: other nodes hear of its changes, and it of theirs, through the store "
        + "alone, or where that carries no notifications when a value is due or compared, within a minute. Restart this process to join the cluster again.")]
    private partial void LogGoesOnWithStore(string cacheName, string why);

    [LoggerMessage(15, LogLevel.Warning,
        "Cache {CacheName}: {Why}. It goes on as a cache of this process alone: values are made and kept here, and sets and removals reach no other node. "
        + "Restart this process to join the cluster again.")]
    private partial void LogGoesOnAlone(string cacheName, string why);

    [LoggerMessage(4, LogLevel.Debug, "Cache {CacheName}: {Operation} of '{Key}' failed in the external store, which is down.")]
    private partial void LogStoreStillFails(Exception exception, string cacheName, string operation, string key);

    [LoggerMessage(5, LogLevel.Warning,
        "Cache {CacheName}: the external store is down. Values are served from memory and made on this node; sets and removals wait for it.")]
    private partial void LogStoreDown(string cacheName);

    [LoggerMessage(6, LogLevel.Information, "Cache {CacheName}: the external store is back; {PendingChanges} sets and removals go there now.")]
    private partial void LogStoreBack(string cacheName, int pendingChanges);

    [LoggerMessage(3, LogLevel.Warning,
        "Cache {CacheName}: a notification could not be sent. Further ones that can't be are reported at debug level, until one is sent again.")]
    private partial void LogBusFailed(Exception exception, string cacheName);

    [LoggerMessage(7, LogLevel.Debug, "Cache {CacheName}: another notification could not be sent.")]
    private partial void LogBusStillFails(Exception exception, string cacheName);

    [LoggerMessage(8, LogLevel.Information, "Cache {CacheName}: notifications are sent again.")]
    private partial void LogBusBack(string cacheName);

    [LoggerMessage(9, LogLevel.Warning,
        "Cache {CacheName} was disposed with {PendingChanges} sets and removals that the external store has not taken. They are lost.")]
    private partial void LogChangesLost(string cacheName, int pendingChanges);
}
