using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Runtime;

/// <summary>
/// Answers callers with a value that must be deserialized first. Deserialization is foreign code, so it does not run on the loop. All
/// callers that wait for the same value are answered by one instance, one after the other, so that the value is deserialized once and
/// shared.
/// </summary>
internal sealed class AnswerWork(NodeShell shell, Call calls, CachePayload payload, long token) : IThreadPoolWorkItem
{
    /// <summary>Runs on the thread of a blocked caller, or else on the pool, whose threads may all be blocked by such callers.</summary>
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
                // A caller that can't read the value asks again, and is in another list then.
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
