using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <content>Answers to callers.</content>
internal sealed partial class NodeShell
{
    /// <summary>Changes <see cref="AnswersUnderWay"/>.</summary>
    public void CountAnswer(int change) => Interlocked.Add(ref _answers, change);

    /// <summary>Answers a call with the value in memory. If that is gone meanwhile, the call asks again.</summary>
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

    /// <summary>A value can't be read as the requested type: logs that, and returns whether it counts as missing.</summary>
    public bool ReplacesUnreadable<T>(string key, Exception error)
    {
        if (_throwsUnreadable)
            return false;
        _unreadable.Tell(key, typeof(T), error);
        return true;
    }

    private static Call? CallerOf(object message) => message as Call ?? (message as ChangeRequested)?.Caller as Call;

    /// <summary>
    /// Answers callers with a value: at once those that need no deserialization or conversion. The others share one that runs elsewhere.
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

    /// <summary>Answers all callers of a list, each by itself: an exception concerns one of them only.</summary>
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
    /// Fails a call inside a generator as if it had been refused when it was made. A call whose thread runs other work can't be failed now:
    /// the next probe tries again.
    /// </summary>
    private void FailDeadlocked(Call call, IReadOnlyList<string> path)
    {
        if (!call.CanFail)
            return;
        call.FailWith(GenerationScope.Deadlock(path));
        Post(Peer.Callers, new CallerLeft(call));
    }
}
