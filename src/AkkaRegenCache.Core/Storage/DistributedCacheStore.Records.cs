using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Storage;

/// <summary>Reads records from the distributed cache, and stores changes there before they count.</summary>
public sealed partial class DistributedCacheStore
{
    private int _foreignSeen;
    private int _newerSeen;

    /// <summary>A value that was read, and the token it has.</summary>
    private readonly record struct Found(DistributedRecordKind Kind, long Token, ReadOnlyMemory<byte> Value);

    /// <summary>Reads what is stored, and takes it in. To be called under the key's lock.</summary>
    /// <param name="key">The key.</param>
    /// <param name="whole">Whether the value is needed, too.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    private async ValueTask<Found> LookAsync(string key, bool whole, CancellationToken cancellationToken)
    {
        var name = NameOf(key);
        var bytes = whole
            ? await _records.GetAsync(name, cancellationToken).ConfigureAwait(false)
            : await _records.GetHeadAsync(name, DistributedRecord.HeaderLength, cancellationToken).ConfigureAwait(false);
        var (now, toUtc) = Moment();
        var record = bytes is { } there ? DistributedRecord.Read(there.Span, toUtc) : default;
        RecordFacts? overwritten = null;
        lock (_gate)
        {
            switch (record.Kind)
            {
                case DistributedRecordKind.Readable:
                    overwritten = _machine.Learn(key, record.Facts, record.Writer == _writer, now);
                    break;
                case DistributedRecordKind.Newer:
                    _machine.LearnUnreadable(key, record.Facts.Token, now);
                    break;
                default:
                    _machine.LearnMissing(key);
                    break;
            }
        }

        if (record.Kind == DistributedRecordKind.Foreign && Interlocked.Exchange(ref _foreignSeen, 1) == 0)
            LogForeign(name);
        if (record.Kind == DistributedRecordKind.Newer && Interlocked.Exchange(ref _newerSeen, 1) == 0)
            LogNewer(name);

        if (overwritten is { } tombstone)
            await PutAsync(key, tombstone, default, now, toUtc, cancellationToken).ConfigureAwait(false);
        var hasValue = record.Kind == DistributedRecordKind.Readable && whole;
        return new Found(record.Kind, record.Facts.Token, hasValue ? bytes!.Value[DistributedRecord.HeaderLength..] : default);
    }

    private async ValueTask<ChangeAnswer> ChangeAsync(MutationRequest request, CachePayload? payload, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> value = default;
        if (payload is not null)
        {
            value = payload.Bytes ?? throw new ArgumentException(
                $"The value of '{request.Key}' is not serialized, and a distributed cache keeps bytes only.", nameof(request));
        }

        using var held = await _locks.EnterAsync(request.Key, cancellationToken).ConfigureAwait(false);
        if (Recall(request) is ChangeAnswer first)
            return first;

        var found = await LookAsync(request.Key, whole: false, cancellationToken).ConfigureAwait(false);
        PreparedWrite prepared;
        var (now, toUtc) = Moment();
        lock (_gate)
            prepared = _machine.Prepare(request, now);
        if (prepared.Slot is null)
            return prepared.Answer;

        // Decided: the change counts from now on, however long the cache takes. The key's lock excludes any other decision meanwhile.
        if (found.Kind == DistributedRecordKind.Newer && request is CommitRequest)
        {
            lock (_gate)
                _machine.Apply(prepared, now);
            return prepared.Answer;
        }

        prepared.Slot.KeepExternally();
        try
        {
            await PutAsync(request.Key, prepared.Slot.Facts, value, now, toUtc, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            lock (_gate)
                _machine.NoteUnknownOutcome(prepared, Now);
            throw;
        }

        lock (_gate)
            _machine.Apply(prepared, Now);
        return prepared.Answer;
    }

    private ValueTask PutAsync(
        string key, in RecordFacts facts, ReadOnlyMemory<byte> value, long now, long toUtc, CancellationToken cancellationToken)
    {
        var header = new byte[DistributedRecord.HeaderLength];
        DistributedRecord.Write(facts, _writer, toUtc, header);
        return _records.SetAsync(NameOf(key), header, value, TimeSpan.FromTicks(facts.EndsAt - now), cancellationToken);
    }

    /// <summary>
    /// The store's clock, and the difference from its times to UTC now: the wall clock may have been set since the start.
    /// </summary>
    private (long Now, long ToUtc) Moment()
    {
        var now = Now;
        return (now, _time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks - now);
    }

    private static StoreRecord? WithValue(StoreRecord? record, in Found found)
    {
        if (record is null || !ReferenceEquals(record.Payload, StoreSlot.ExternalValue))
            return record;
        return found.Token != record.Token ? null : new StoreRecord
        {
            Payload = CachePayload.FromBytes(found.Value),
            Token = record.Token,
            FreshFor = record.FreshFor,
            DueIn = record.DueIn,
            ActiveFor = record.ActiveFor,
        };
    }

    [LoggerMessage(10, LogLevel.Warning,
        "'{Name}' in the distributed cache holds bytes that are no record of a cache; they count as no value. Further ones are not "
        + "reported.")]
    private partial void LogForeign(string name);

    [LoggerMessage(11, LogLevel.Warning,
        "'{Name}' in the distributed cache was written by a newer version; "
        + "values generated here are kept in this process's memory instead of overwriting it. Further ones are not reported.")]
    private partial void LogNewer(string name);
}
