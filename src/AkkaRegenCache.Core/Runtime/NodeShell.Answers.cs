using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <content>Answers to callers.</content>
internal sealed partial class NodeShell
{
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

    private static Call? CallerOf(object message) => message as Call ?? (message as ChangeRequested)?.Caller as Call;

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
}
