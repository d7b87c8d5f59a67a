using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Answers callers with a value that must be deserialized first: foreign code, and not for the loop. All who wait for the same value are answered by one of
/// these, one after the other, so that it is made once for them and they share it.
/// </summary>
internal sealed class AnswerWork(NodeShell shell, Call calls, CachePayload payload, long token) : IThreadPoolWorkItem
{
    /// <summary>Has it done by a caller whose thread is blocked, or else by the pool, where no thread may be free for as long as such callers wait.</summary>
    public void Begin()
    {
        shell.CountAnswer(+1);
        for (Waiter? call = calls; call is not null; call = call.Next)
        {
            if (call is ILendsThread lender && lender.TryLend(this))
                return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <inheritdoc/>
    public void Execute()
    {
        try
        {
            for (Waiter? waiter = calls; waiter is not null;)
            {
                // Whoever can't read it asks again, and is in another chain then.
                var call = (Call)waiter;
                waiter = call.Next;
                call.Next = null;
                CompleteOne(call);
            }
        }
        finally
        {
            shell.CountAnswer(-1);
        }
    }

    private void CompleteOne(Call call)
    {
        try
        {
            call.CompleteWith(payload, token, shell);
        }
        catch (Exception e)
        {
            call.FailWith(e);
        }
    }
}
