using Akka.Actor;
using AkkaRegenCache.Messages;
using AkkaRegenCache.Protocol;

namespace AkkaRegenCache.Storage;

/// <summary>
/// The store in a shard's entity: the store machine, large values on their way in, and the handoff from the previous entity. Not
/// thread-safe: it belongs to its actor.
/// </summary>
internal sealed class ShardStore
{

    private static readonly TimeSpan s_operationsKept = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_uploadsKept = TimeSpan.FromSeconds(30);

    private readonly Action<IActorRef, object> _reply;
    private readonly Action<Exception, object>? _failed;
    private readonly Func<long> _clock;
    private readonly StoreBound? _bound;
    private readonly Dictionary<(IActorRef Sender, long Id), Upload> _uploads = [];
    private readonly List<(object Body, IActorRef Sender)> _stash = [];

    /// <summary>The senders that have answered this entity, so that their later requests are known to be current.</summary>
    private readonly HashSet<IActorRef> _present = [];

    /// <summary>The requests whose senders were told to ask again.</summary>
    private readonly Dictionary<IActorRef, HashSet<long>> _toldToAskAgain = [];
    private StoreMachine _machine;
    private Handoff? _handoff;
    private bool _isWaiting;
    private bool _hasServed;

    /// <summary>Creates an empty store, with an epoch of its own.</summary>
    /// <param name="clock">The store's clock: ticks of 100 ns since 1970, which never go back.</param>
    /// <param name="reply">Sends a message to a node.</param>
    /// <param name="failed">Called with an exception at a message. Only that message fails.</param>
    /// <param name="bound">The bound that it shares with the other stores of its node; null: none.</param>
    public ShardStore(Func<long> clock, Action<IActorRef, object> reply, Action<Exception, object>? failed = null, StoreBound? bound = null)
    {
        _bound = bound;
        _failed = failed;
        _clock = clock;
        _reply = reply;
        _machine = New(Guid.NewGuid().ToString("N"));
    }

    /// <summary>Whether it has served a request, so that there is state to hand over.</summary>
    public bool IsInUse => _hasServed;

    /// <summary>Whether requests wait for the handoff.</summary>
    public bool IsWaiting => _isWaiting;

    public string Epoch => _machine.Epoch;

    public int Count => _machine.Count;

    /// <summary>The records of the previous entity are on their way: requests wait for them until <see cref="EndWait"/>.</summary>
    public void Wait() => _isWaiting = !_hasServed;

    /// <summary>Ends the wait: records that have not come are lost, and a new epoch begins.</summary>
    public void EndWait()
    {
        _isWaiting = false;
        _handoff = null;
        foreach (var (body, sender) in _stash.ToArray())
            Handle(body, sender);
        _stash.Clear();
    }

    /// <summary>Serves a node's message. Messages that are not for a store are ignored.</summary>
    public void Handle(object body, IActorRef sender)
    {
        if (_isWaiting)
        {
            _stash.Add((body, sender));
            return;
        }

        try
        {
            Dispatch(body, sender);
        }
        catch (Exception e)
        {
            // This machine has the only records of all other keys: a restart would lose them.
            _failed?.Invoke(e, body);
            if (body switch { StoreAsk ask => ask.Id, PayloadChunk chunk => chunk.Id, RecordWanted wanted => wanted.Id,
                _ => (long?)null } is { } id)
            {
                _uploads.Remove((sender, id));
                _reply(sender, new StoreFailed(id, $"{e.GetType().Name} at a {body.GetType().Name}: {e.Message}"));
            }
        }
    }

    private void Dispatch(object body, IActorRef sender)
    {
        switch (body)
        {
            case StoreAsk { PayloadLength: 0 } ask when MayBeOld(ask, sender):
                _reply(sender, new AskAgain(ask.Id));
                break;
            case StoreAsk { PayloadLength: 0 } ask:
                Serve(ask, sender);
                break;
            case StoreAsk { PayloadLength: < 0 or > ChunkBuffer.MaximumLength } ask:
                _reply(sender, new StoreFailed(ask.Id, $"a value of {ask.PayloadLength} bytes can't be stored."));
                break;
            case StoreAsk ask:
                var begun = new Upload(ask, sender, ask.PayloadLength, _clock());
                _uploads[(sender, ask.Id)] = begun;
                Fetch(begun);
                break;
            case PayloadChunk chunk when _uploads.TryGetValue((sender, chunk.Id), out var upload):
                upload.Buffer.Take(chunk);
                Fetch(upload);
                break;
            case RecordWanted wanted:
                Send(wanted, sender);
                break;
        }
    }

    /// <summary>
    /// Requests to a shard without a home wait in the senders' regions for as long as that lasts. A set that was given up long ago must not
    /// be done then in place of a later one, and no claim must be granted to a caller that has left. So each sender confirms its first
    /// change, unless it has given it up. Messages of one sender arrive in order, so all that had waited came before the answer. (Fetching
    /// a large value confirms its request.)
    /// </summary>
    private bool MayBeOld(StoreAsk ask, IActorRef sender)
    {
        if (ask.Request is not (ClaimRequest or WriteRequest or InvalidateRequest) || _present.Contains(sender))
            return false;
        if (_toldToAskAgain.TryGetValue(sender, out var told) && told.Contains(ask.Id))
        {
            _toldToAskAgain.Remove(sender);
            _present.Add(sender);
            return false;
        }

        if (told is null)
            _toldToAskAgain.Add(sender, told = []);
        told.Add(ask.Id);
        return true;
    }

    /// <summary>Takes a part of the previous entity's state. With the last part its epoch continues here.</summary>
    /// <returns>Whether it was the last part and the handoff is complete.</returns>
    /// /// <exception cref="FormatException">The part is invalid; nothing was taken.</exception>
    public bool Take(HandoffPart part)
    {
        // Claims granted here already belong to another epoch.
        if (_hasServed || !part.IsPossible)
            return false;
        if (_handoff is null || _handoff.Incarnation != part.Incarnation)
            _handoff = new Handoff(part.Incarnation, part.Epoch, part.Count);
        _isWaiting = true;
        if (!_handoff.Take(part))
            return false;

        var machine = New(part.Epoch);
        SlotCodec.Read(_handoff.Bytes(), machine, _clock());
        _machine.Leave();
        _machine = machine;
        _hasServed = true;
        EndWait();
        return true;
    }

    /// <summary>
    /// Takes back what a node still shows of an earlier epoch, unless something newer is here. The previous entity died with its records,
    /// so only the nodes' memories still have them.
    /// </summary>
    public void Restore(RecordsRecovered kept)
    {
        if (_isWaiting || kept.Epoch != Epoch)
            return;
        _hasServed = true;
        foreach (var record in kept.Records)
        {
            if (record.Payload is { } payload)
                _machine.Restore(record, payload, _clock());
        }
    }

    /// <summary>The whole state, in parts that fit into a frame.</summary>
    public IEnumerable<HandoffPart> Export(long incarnation)
    {
        ReadOnlyMemory<byte> bytes = SlotCodec.Write(_machine, _clock());
        var count = (bytes.Length + WireLimits.Payload - 1) / WireLimits.Payload;
        for (var i = 0; i < count; i++)
        {
            var at = i * WireLimits.Payload;
            yield return new HandoffPart(incarnation, i, count, Epoch, bytes.Slice(at, Math.Min(WireLimits.Payload, bytes.Length - at)));
        }
    }

    /// <summary>The most senders that are remembered. Beyond it all of them confirm again.</summary>
    private const int MostPresent = 10_000;

    /// <summary>The most expired slots that a sweep removes.</summary>
    private const int PurgedAtOnce = 10_000;

    /// <summary>Removes incomplete values whose sender is silent, and expired slots that no request has removed.</summary>
    public void Sweep()
    {
        var now = _clock();
        _machine.Purge(now, PurgedAtOnce);

        // A sender that has not asked again has gone, or will be told again.
        _toldToAskAgain.Clear();
        if (_present.Count > MostPresent)
            _present.Clear();
        foreach (var (key, upload) in _uploads.ToArray())
        {
            if (now - upload.StartedAt > s_uploadsKept.Ticks)
                _uploads.Remove(key);
        }
    }

    /// <summary>It is not used any more: its state does not count against the bound.</summary>
    public void Leave() => _machine.Leave();

    private StoreMachine New(string epoch) => new(epoch, s_operationsKept, storesObjects: false, _bound);

    private void Fetch(Upload upload)
    {
        if (upload.Buffer.IsComplete)
        {
            _uploads.Remove((upload.Sender, upload.Ask.Id));
            var request = StorePayloads.With(upload.Ask.Request, CachePayload.FromBytes(upload.Buffer.Bytes));
            Serve(new StoreAsk(upload.Ask.Id, request), upload.Sender);
        }
        else if (upload.Buffer.Next() is var (offset, count))
        {
            _reply(upload.Sender, new PayloadWanted(upload.Ask.Id, offset, count));
        }
    }

    private void Send(RecordWanted wanted, IActorRef sender)
    {
        var record = _machine.Read(new ReadRequest { Key = wanted.Key }, _clock()).Record;
        if (record?.Token != wanted.Token || record.Payload?.Bytes is not { } bytes)
        {
            _reply(sender, new AskAgain(wanted.Id));
            return;
        }

        foreach (var chunk in ChunkBuffer.Cut(wanted.Id, bytes, wanted.Offset, wanted.Count))
            _reply(sender, chunk);
    }

    private void Serve(StoreAsk ask, IActorRef sender)
    {
        _hasServed = true;
        var now = _clock();
        StoreAnswer? answer = ask.Request switch
        {
            ReadRequest read => _machine.Read(read, now),
            ClaimRequest claim => _machine.Claim(claim, now),
            CommitRequest commit => _machine.Commit(commit, now),
            ReleaseRequest release => _machine.Release(release, now),
            WriteRequest write => _machine.Write(write, now),
            InvalidateRequest invalidate => _machine.Invalidate(invalidate, now),
            RenewBatch renew => _machine.Renew(renew.Claims, renew.Lease, now),
            TouchBatch touch => _machine.Touch(touch.Activities, now),
            CheckBatch check => _machine.Check(check.Keys, now),
            _ => null,
        };
        if (answer is null)
        {
            _reply(sender, new StoreFailed(ask.Id, $"a {ask.Request.GetType().Name} is nothing that can be asked."));
            return;
        }

        if (StorePayloads.RecordOf(answer)?.Payload?.Bytes is { Length: > WireLimits.Payload } large)
            _reply(sender, new StoreReply(ask.Id, StorePayloads.Without(answer), large.Length));
        else
            _reply(sender, new StoreReply(ask.Id, answer));
    }

    private sealed record Upload(StoreAsk Ask, IActorRef Sender, int Length, long StartedAt)
    {
        public ChunkBuffer Buffer { get; } = new(Length);
    }

    private sealed class Handoff(long incarnation, string epoch, int count)
    {
        // Grows with the parts that arrive, because their announced count is not trusted.
        private readonly SortedDictionary<int, ReadOnlyMemory<byte>> _chunks = [];

        public long Incarnation => incarnation;

        /// <summary>Takes a part; returns whether it was the last missing one.</summary>
        public bool Take(HandoffPart part)
        {
            return part.Epoch == epoch && part.Count == count && _chunks.TryAdd(part.Index, part.Bytes) && _chunks.Count == count;
        }

        public byte[] Bytes()
        {
            var bytes = new byte[_chunks.Values.Sum(part => part.Length)];
            var at = 0;
            foreach (var part in _chunks.Values)
            {
                part.CopyTo(bytes.AsMemory(at));
                at += part.Length;
            }

            return bytes;
        }
    }
}
